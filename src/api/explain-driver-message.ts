import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ExplainDriverResponseSchema, ExplainedEventSchema } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import type { CompiledPolicy, Facts, Judgement } from '../../verdict/verdict.ts';
import { displayId } from '../domain/binding.ts';
import type { Texts } from '../enforcement/enforcement.ts';
import type { DriverRecord } from '../store/driver-record.ts';
import type { StoredPolicy } from '../store/policies.ts';
import { describeEvent } from './event-words.ts';
import { describeHour, describeRecord, notRecorded } from './explain-driver-details.ts';
import type { Explanation } from './explanation.ts';
import { isAcceptedReport, type RecordedEvent } from './recorded-events.ts';
import type { RecordedBinding } from './recorded-facts.ts';
import { verdictMessages } from './verdict-messages.ts';
import { describeSkipped, describeVerdict, summarise } from './verdict-words.ts';

/** A driver at a moment: now, or of the past. */
export type Explained = {
  at: Date;
  record: DriverRecord;
  binding: RecordedBinding | null;
  events: RecordedEvent[];
  /** Null: what they hang on is not recorded. */
  verdicts: { judgement: Judgement; facts: Facts | null; compiled: CompiledPolicy } | null;
  /** Of the region in which it was judged; null: in none, or not recorded. */
  timeZone: string | null;
  /** Null: none had been put. */
  policy: StoredPolicy | null;
  /** How the reports stand; null: the moment lies in the past. */
  now: Explanation | null;
};

/** As the contract words it. Ids leave masked, tokens of people not at all. */
export function explainedMessage(
  explained: Explained,
  texts: Texts,
): MessageInitShape<typeof ExplainDriverResponseSchema> {
  const { at, record, verdicts, policy, now, events } = explained;
  const { profile, profiles } = record;
  const isPast = now === null;
  return {
    at: timestampFromDate(at),
    summary: [summarise(verdicts?.judgement ?? null, isPast), now ? now.summary : ''].join(' ').trim(),
    details: [
      ...(now ? now.details : describeRecord(explained)),
      ...describeVerdicts(verdicts, at),
      ...describeHour(explained),
    ],
    notRecorded: notRecorded(explained),
    verdicts: verdicts ? verdictsOf(verdicts, texts, isPast) : [],
    ...(verdicts && { allowed: verdicts.judgement.isAllowed }),
    policy: policyOf(policy),
    standing: now?.standing ?? '',
    reason: now?.reason ?? '',
    events: events.map(eventMessage),
    ...bindingOf(explained.binding),
    ...shiftOf(record),
    ...reportsOf(record),
    tariffs: [...(profile?.categories ?? [])],
    profiles: [...profiles],
  };
}

function describeVerdicts(verdicts: Explained['verdicts'], at: Date): string[] {
  if (!verdicts) return [];
  const { judgement, facts, compiled } = verdicts;
  const { region, version } = judgement;
  return [judgement.deptransId, judgement.session].flatMap((verdict) => [
    describeVerdict(verdict, region, version),
    ...(facts ? describeSkipped(verdict, region, compiled, facts, at.getTime()) : []),
  ]);
}

function verdictsOf({ judgement, facts }: NonNullable<Explained['verdicts']>, texts: Texts, isPast: boolean) {
  const messages = verdictMessages(judgement, facts, texts, 'en');
  // What drivers were told then is not recorded.
  return isPast ? messages.map((message) => ({ ...message, text: '', action: '' })) : messages;
}

function policyOf(policy: StoredPolicy | null) {
  if (!policy) return { version: 0n };
  const { version, author, reason, putAt, suspended } = policy;
  return { version: BigInt(version), author, reason, putAt: timestampFromDate(putAt), suspended };
}

function eventMessage(event: RecordedEvent): MessageInitShape<typeof ExplainedEventSchema> {
  const { happenedAt, receivedAt, endedAt, connected, outcome, reason } = event;
  return {
    outcome,
    reason,
    text: describeEvent(event),
    ...(connected !== null && { connected }),
    ...at('happenedAt', happenedAt),
    ...at('receivedAt', receivedAt),
    ...at('endedAt', endedAt),
  };
}

function bindingOf(binding: RecordedBinding | null) {
  if (!binding) return null;
  const { state, deptransId, account, since, reason } = binding;
  return {
    binding: {
      state: state ?? '',
      deptransId: deptransId === null ? '' : displayId(deptransId, 'masked'),
      accountMark: account?.slice(0, 8) ?? '',
      reason,
      ...at('since', since),
    },
  };
}

function shiftOf({ shift }: DriverRecord) {
  if (!shift) return null;
  const { status, updatedAt, endsAt, endIsEstimate, region } = shift;
  return {
    shift: { status, endIsEstimate, region: region ?? '', ...at('updatedAt', updatedAt), ...at('endedAt', endsAt) },
  };
}

function reportsOf({ calls }: DriverRecord) {
  const accepted = calls.find(isAcceptedReport);
  const last = calls[0];
  return {
    ...(accepted && {
      lastAccepted: {
        connected: accepted.direction === 'connected',
        region: accepted.region ?? '',
        acceptedAt: timestampFromDate(accepted.answeredAt ?? accepted.at),
        ...at('happenedAt', accepted.happenedAt),
      },
    }),
    ...(last && {
      lastAnswer: {
        call: last.kind === 'lookup' ? 'reading' : 'report',
        outcome: last.outcome ?? '',
        reason: last.reason ?? '',
        sessionStatus: last.sessionStatus ?? '',
        answeredAt: timestampFromDate(last.answeredAt ?? last.at),
        ...at('sessionEnd', last.sessionEnd),
      },
    }),
  };
}

/** A field with a time, or none. */
function at<Name extends string>(name: Name, date: Date | null) {
  return (date && { [name]: timestampFromDate(date) }) as Record<Name, ReturnType<typeof timestampFromDate>> | null;
}
