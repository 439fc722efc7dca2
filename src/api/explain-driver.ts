import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { DiagnosticsService, ExplainDriverRequest } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import type { PolicyInForce } from '../../gen/deptrans/v1/policy_pb.ts';
import { type Facts, type Judgement, judge } from '../../verdict/verdict.ts';
import type { EligibilityLimits } from '../domain/eligibility.ts';
import type { Region } from '../domain/region.ts';
import { type InForce, inForceOf, messageOf, type Texts } from '../enforcement/enforcement.ts';
import { type Feed, FeedRefusal } from '../feed/feed.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Db } from '../store/database.ts';
import { type DriverRecord, readDriverRecord } from '../store/driver-record.ts';
import { readDriverFacts } from '../store/operations-explain.ts';
import { readPolicy, readPolicyAt } from '../store/policies.ts';
import { readRulesAt } from '../store/rules.ts';
import { readSteppedBackAt } from '../store/step-backs.ts';
import { openAudited } from './audited.ts';
import { refuse } from './errors.ts';
import { type Explained, explainedMessage } from './explain-driver-message.ts';
import { explain } from './explanation.ts';
import { checkDriver, isTime } from './operations-checks.ts';
import { eventsOf, type Waiting } from './recorded-events.ts';
import { bindingAt, factsAt } from './recorded-facts.ts';

/**
 * A driver, explained to engineers: now by what the service goes by, or at a moment of the past by what was recorded up to then.
 *
 * Guarantees: the verdicts of now are those that CheckDriver gives, and reports are explained as OperationsService.Explain does; the verdicts of the past
 * are made by the one function of verdicts, by the version of the policy that was in force then; nothing that is not recorded is filled in from today,
 * but for what the answer says so of. Not guaranteed: one snapshot.
 */
export type ExplainDriverOptions = {
  db: Db;
  feed: Pick<Feed, 'lookup' | 'sourceAgeMs'>;
  inForce(): InForce;
  texts: Texts;
  clock: Clock;
  log: Log;
  /** The regulator's name in the tables. */
  regulator: string;
  limits: EligibilityLimits;
  journalKey: string;
  /** How far the past goes back. */
  journalDays: number;
  /** Facts older than this say nothing, where the policy does not say it. */
  maxDataAgeMs: number;
};

const DAY_MS = 86_400_000;

type Key = { parkId: string; driverId: string };

export function openExplainDriver(
  options: ExplainDriverOptions,
): ServiceImpl<typeof DiagnosticsService>['explainDriver'] {
  const { db, texts, journalDays } = options;
  const { operation } = openAudited(db, options.log.child({ part: 'api' }));
  return operation(checkRequest, async ({ asOf, ...key }) => {
    const record = await readDriverRecord(db, key, asOf);
    if (asOf) checkMoment(asOf, record.now, journalDays);
    if (isUnknown(record)) throw refuse('PROFILE_UNKNOWN');
    return explainedMessage(
      asOf ? await explainPast(key, record, asOf, options) : await explainNow(key, record, options),
      texts,
    );
  });
}

async function explainNow(key: Key, record: DriverRecord, options: ExplainDriverOptions): Promise<Explained> {
  const { db, regulator, limits, journalKey, clock } = options;
  const reports = await readDriverFacts(db, key, regulator);
  const { compiled, message } = options.inForce();
  const facts = lookUp(options.feed, key);
  const judgement = judge(facts, {}, compiled, clock.now(), options.feed.sourceAgeMs());
  const { account, row } = reports;
  const waiting: Waiting = account?.look.account.parkedReason
    ? { outcome: 'parked', reason: account.look.account.parkedReason }
    : { outcome: 'pending', reason: account?.waitReason ?? row?.waitReason ?? 'queued' };
  return {
    at: record.now,
    record,
    binding: bindingAt(record, null, journalKey),
    events: eventsOf(record, record.now, waiting),
    verdicts: { judgement, facts, compiled },
    policy: await readPolicy(db, Number(message.version)),
    timeZone: timeZoneOf(judgement, reports.rules.regions),
    now: explain(reports, limits),
  };
}

async function explainPast(
  { parkId }: Key,
  record: DriverRecord,
  at: Date,
  options: ExplainDriverOptions,
): Promise<Explained> {
  const { db, journalKey, maxDataAgeMs } = options;
  const [policy, rules] = [await readPolicyAt(db, at), await readRulesAt(db, at)];
  const steppedBack = await readSteppedBackAt(db, at);
  const binding = bindingAt(record, at, journalKey);
  const facts = factsAt(record, binding, parkId);
  const regions = rules?.regions ?? [];
  const verdicts = facts && rules && judgeBy(messageOf(policy, regions, maxDataAgeMs, steppedBack), facts, at);
  return {
    at,
    record,
    binding,
    events: eventsOf(record, at, null),
    verdicts,
    timeZone: verdicts && timeZoneOf(verdicts.judgement, regions),
    policy,
    now: null,
  };
}

function judgeBy(message: PolicyInForce, facts: Facts, at: Date): NonNullable<Explained['verdicts']> {
  const { compiled } = inForceOf(message);
  return { judgement: judge(facts, {}, compiled, at.getTime(), 0), facts, compiled };
}

/** By which people live where it was judged; null: nowhere, or not recorded. */
function timeZoneOf({ region }: Judgement, regions: readonly Region[]): string | null {
  return regions.find(({ id }) => id === region)?.timeZone ?? null;
}

function checkRequest({ parkId, driverId, asOf }: ExplainDriverRequest): Key & { asOf: Date | null } {
  const key = checkDriver({ parkId, driverId }, '');
  if (!asOf) return { ...key, asOf: null };
  if (!isTime(asOf)) throw refuse('REQUEST_MALFORMED', { fields: [{ field: 'as_of', description: 'a time' }] });
  return { ...key, asOf: timestampDate(asOf) };
}

function checkMoment(asOf: Date, now: Date, journalDays: number): void {
  const ageMs = now.getTime() - asOf.getTime();
  const wrong =
    ageMs < 0
      ? 'not in the future'
      : ageMs > journalDays * DAY_MS
        ? `at most ${journalDays} days ago: nothing older is kept`
        : null;
  if (wrong) throw refuse('LIMIT_OUT_OF_RANGE', { fields: [{ field: 'as_of', description: wrong }] });
}

function isUnknown({ state, profile, ends, quarantined }: DriverRecord): boolean {
  return !state && !profile && ends.length === 0 && quarantined.length === 0;
}

function lookUp(feed: ExplainDriverOptions['feed'], { parkId, driverId }: Key): Facts | null {
  try {
    return feed.lookup(parkId, driverId);
  } catch (error) {
    throw error instanceof FeedRefusal ? refuse(error.reason) : error;
  }
}
