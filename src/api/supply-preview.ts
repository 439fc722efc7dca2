import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import type { Policy } from '../../gen/deptrans/v1/policy_pb.ts';
import type { PreviewRequest } from '../../gen/deptrans/v1/supply_pb.ts';
import { policyFromStore, policyToStore, problemsOf } from '../enforcement/enforcement.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Db } from '../store/database.ts';
import { readPolicy } from '../store/policies.ts';
import type { BlockedProfile, Preview, RegionPreview } from '../supply/supply.ts';
import { readWithin } from './database-deadline.ts';
import { refuse } from './errors.ts';
import { lossMessages } from './supply-messages.ts';
import { CHECK_NUMBERS, REASON_NUMBERS } from './verdict-messages.ts';

export type PreviewOptions = {
  db: Db;
  regions: readonly { id: string; tariffs: readonly string[] }[];
  /** See `Previews.ask`. */
  previews: { ask(stored: object, signal: AbortSignal): Promise<Preview | null> };
  clock: Clock;
};

/** Longer than an answer is waited for. */
const TIMEOUT_MS = 15_000;

/** What a policy would do. It is refused as it would be refused if it were put. */
export function openPreview({ db, regions, previews, clock }: PreviewOptions) {
  return async ({ policy }: PreviewRequest, { signal }: HandlerContext) => {
    const newest = await readWithin(TIMEOUT_MS, signal, readPolicy(db));
    const before = policyFromStore(newest?.policy ?? {});
    const problems = problemsOf(policy as Policy | undefined, regions, before, clock.now());
    if (problems.length > 0) throw refuse('REQUEST_MALFORMED', { fields: problems });
    const answer = await readWithin(TIMEOUT_MS, signal, previews.ask(policyToStore(policy as Policy), signal));
    if (!answer) throw refuse('SERVICE_DEGRADED');
    return { asOf: timestampFromMs(answer.at), regions: answer.regions.map(regionMessage) };
  };
}

function regionMessage({ region, now, past, pastFrom, coveredMs, profiles }: RegionPreview) {
  return {
    region,
    now: lossMessages(now, ({ people }) => people, false),
    past: lossMessages(past, ({ ms }) => ms, true),
    pastFrom: timestampFromMs(pastFrom),
    coveredSeconds: coveredMs / 1_000,
    profiles: profiles.map(profileMessage),
  };
}

function profileMessage({ verdicts, ...profile }: BlockedProfile) {
  const blocking = verdicts.filter(({ outcome, mode }) => outcome === 'fail' && mode === 'block');
  const checks = blocking.map(({ check, reason, rule }) => {
    return { check: CHECK_NUMBERS[check], reason: REASON_NUMBERS[reason], rule };
  });
  return { ...profile, checks };
}
