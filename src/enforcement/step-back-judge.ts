import type { Policy } from '../../gen/deptrans/v1/policy_pb.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Lifetime } from '../runtime/lifetime.ts';
import type { Log } from '../runtime/log.ts';
import { startLoop } from '../runtime/loop.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { type Db, inTransaction } from '../store/database.ts';
import { holdTerm, leading, resign } from '../store/leaders.ts';
import { puttingReadings, type RegionReading, readReadings } from '../store/region-readings.ts';
import {
  beginStepBack,
  countStepBacks,
  endStepBack,
  readOpenStepBacks,
  readStandstill,
  type StepBack,
  type StepBackReason,
  setCalm,
} from '../store/step-backs.ts';
import { together } from '../store/together.ts';
import { DAY_MS, isStrict, type Step, stepBackOf, stepOf } from './step-back.ts';

/**
 * Judges, on one elected instance, which regions step back and which come back. The readings come through the database, so that whoever counts and
 * whoever judges need not be the same instance; what is decided is written there, and every instance reads it.
 */
export type StepBackJudge = AsyncDisposable & {
  /** One round, on whichever instance. */
  runOnce(): Promise<void>;
};

export type StepBackJudgeParts = {
  db: Db;
  instance: string;
  /** The regulator's name in the tables. */
  regulator: string;
  /** What this instance counts; null: another one does. */
  readings: () => readonly RegionReading[] | null;
  inForce: () => { version: number; suspended: boolean; maxDataAgeMs: number; policy: Policy | undefined };
  judgeMs: number;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

const LEADER = 'step-back';
/** A leader that dies is missed for so many rounds. */
const LEASE_ROUNDS = 4;
const WORDS = { fall: 'a region stepped back', return: 'a region came back' } as const;

export function openStepBackJudge(parts: StepBackJudgeParts): StepBackJudge {
  const { db, instance, readings, judgeMs, lifetime, clock, log, metrics } = parts;
  const begun = metrics.counter('enforcement_step_backs_total', 'Times that a region stepped back', [
    'region',
    'reason',
  ] as const);

  let term: number | null = null;
  let ledFrom = 0;

  const runOnce = async (): Promise<void> => {
    const counted = readings();
    const before = term;
    const [, led] = await together<[unknown, { term: number }]>(db, 'step_backs.lead', [
      counted && counted.length > 0 ? puttingReadings(counted) : null,
      leading(LEADER, instance, LEASE_ROUNDS * judgeMs),
    ]);
    term = led[0]?.term ?? null;
    if (term === null) return;
    if (before === null) ledFrom = clock.monotonic();
    for (const step of await judgeAll(parts, clock.monotonic() - ledFrom)) {
      if (!(await carryOut(db, term, step))) return;
      const { region, reason, ...rest } = step;
      if (step.kind === 'fall') begun.inc({ region, reason });
      if (step.kind !== 'calm') log.warn({ region, reason, ...rest }, WORDS[step.kind]);
    }
  };

  const loop = startLoop({
    name: 'step-back',
    pauseMs: judgeMs,
    backoff: { baseMs: judgeMs, maxMs: judgeMs },
    async runOnce() {
      await runOnce();
      return 'idle';
    },
    lifetime,
    clock,
    log,
    timer: metrics.timer('enforcement'),
  });

  return {
    runOnce,
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      await resign(db, LEADER, instance).catch(() => {});
    },
  };
}

/** What is to be done, and all that is needed to do it. */
type Decided = Exclude<Step, { kind: 'stay' }> & {
  region: string;
  reason: StepBackReason;
  version: number;
  connected: number;
  id: number | null;
};

/** `ledMs`: who has just begun to lead gives those who count the time to begin. */
async function judgeAll({ db, regulator, inForce }: StepBackJudgeParts, ledMs: number): Promise<Decided[]> {
  const policy = inForce();
  const allOpen = await readOpenStepBacks(db);
  // Nothing can fall and nothing can come back: that is how it is most of the time, and all the time where everything is observed.
  const canFall = !policy.suspended && policy.policy?.regions.some(isStrict);
  if (!canFall && allOpen.length === 0) return [];
  const [{ standstillMs, nowMs }, allReadings, falls] = await Promise.all([
    readStandstill(db, regulator),
    readReadings(db),
    countStepBacks(db, DAY_MS),
  ]);
  const readings = new Map(allReadings.map((reading) => [reading.region, reading]));
  const open = new Map(allOpen.map((one) => [one.region, one]));
  const regions = new Map((policy.policy?.regions ?? []).map((region) => [region.region, region]));
  return [...new Set([...regions.keys(), ...open.keys()])].flatMap((region): Decided[] => {
    const own = regions.get(region);
    const limits = stepBackOf(own ?? {}, policy.maxDataAgeMs);
    const strict = own !== undefined && !policy.suspended && isStrict(own);
    const reading = readings.get(region) ?? null;
    const fallen = open.get(region) ?? null;
    const situation = { reading, standstillMs, ledMs };
    const step = stepOf({ limits, strict }, situation, fallen && fallenOf(fallen), falls.get(region) ?? 0, nowMs);
    if (step.kind === 'stay') return [];
    const reason = step.kind === 'fall' ? step.reason : fallen!.reason;
    const connected = reading?.connected ?? 0;
    return [{ ...step, region, reason, version: policy.version, connected, id: fallen?.id ?? null }];
  });
}

/** False: another leads, and nothing was written. */
function carryOut(db: Db, term: number, step: Decided): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    if (!(await holdTerm(tx, LEADER, term))) return false;
    switch (step.kind) {
      case 'fall':
        await beginStepBack(tx, { ...step, policyVersion: step.version });
        break;
      case 'calm':
        await setCalm(tx, step.id!, step.isCalm);
        break;
      case 'return':
        await endStepBack(tx, step.region, null);
        break;
      default:
        step satisfies never;
    }
    return true;
  });
}

function fallenOf({ reason, calmSince, needsOperator }: StepBack) {
  return { reason, calmSinceMs: calmSince?.getTime() ?? null, needsOperator };
}
