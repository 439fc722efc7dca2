import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { Check, EnforcementMode } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { type Policy, PolicySchema, type StepBack } from '../../gen/deptrans/v1/policy_pb.ts';
import { type Enforcement, type InForce, openEnforcement, policyToStore } from '../../src/enforcement/enforcement.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import type { Db } from '../../src/store/database.ts';
import { putPolicy, readPolicyVersion } from '../../src/store/policies.ts';
import { putRules } from '../../src/store/rules.ts';
import { listStepBacks } from '../../src/store/step-backs.ts';
import { type Facts, judge, type SessionStatus } from '../../verdict/verdict.ts';
import { openTestDatabase } from '../support/database.ts';
import { square } from '../support/delivery-world.ts';

const REGIONS = ['moscow', 'tver'].map((id) => ({ ...square, id, tariffs: ['econom'] }));
const MINUTE = durationFromMs(60_000);
const STEP_MS = 500;
const START = Date.UTC(2026, 0, 15, 9);

/** Blocks by the session in both regions, with these limits in the first. */
export function blockingWith(stepBack: Partial<Omit<StepBack, '$typeName' | '$unknown'>> = {}, share = 1): Policy {
  const rules = [{ check: Check.SESSION, mode: EnforcementMode.BLOCK, share }];
  const limits = {
    lostShare: 0.1,
    unknownShare: 0.2,
    regulatorDown: MINUTE,
    returnAfter: durationFromMs(120_000),
    ...stepBack,
  };
  return create(PolicySchema, {
    maxDataAge: MINUTE,
    regions: [
      { region: 'moscow', rules, stepBack: limits },
      { region: 'tver', rules },
    ],
  });
}

export type Instance = {
  readonly name: string;
  readonly enforcement: Enforcement;
  /** It cannot reach the database. */
  away: boolean;
  dataAgeMs: number;
  counts: boolean;
};

/**
 * Instances of a service over one database in which time is the test's alone, and people who are connected in Moscow; whoever counts them judges each
 * by the policy as it was put.
 */
export async function openStepBackWorld({ people = 200, policy = blockingWith() } = {}) {
  const stack = new AsyncDisposableStack();
  const { db } = stack.use(await openTestDatabase());
  let ms = 0;
  await sql`create table deptrans.test_clock as select ${new Date(START)}::timestamptz as at`.execute(db);
  await sql`create or replace function deptrans.now() returns timestamptz language sql volatile as 'select at from deptrans.test_clock'`.execute(
    db,
  );
  await putRules(db, REGIONS);
  const sessions: (SessionStatus | null)[] = Array.from({ length: people }, () => 'online');
  const fill = (n: number, session: SessionStatus | null) => {
    for (let i = 0; i < sessions.length; i++) sessions[i] = i < n ? session : 'online';
  };
  const put = async (newer: Policy) => {
    const base = await readPolicyVersion(db);
    await putPolicy(db, { base, policy: policyToStore(newer), author: 'ann', reason: 'test' });
  };
  await put(policy);
  const clock: Clock = {
    now: () => START + ms,
    monotonic: () => ms,
    sleep: (_, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        signal?.addEventListener('abort', () => resolve(), { once: true });
      }),
  };
  const metrics = openMetrics(clock);
  const instances: Instance[] = [];

  const count = ({ asPut }: InForce, dataAgeMs: number) => {
    const judged = sessions.map((session) => judge(factsWith(session), {}, asPut, clock.now(), dataAgeMs));
    const lost = judged.filter(({ isAllowed }) => !isAllowed).length;
    const unknown = judged.filter(({ session }) => session.outcome === 'unknown').length;
    return [{ region: 'moscow', connected: sessions.length, lost, unknown, dataAgeMs }];
  };

  const start = (name: string, counts = false): Instance => {
    const state = { away: false, dataAgeMs: 0, counts };
    const lifetime = openLifetime();
    const enforcement: Enforcement = openEnforcement({
      db: reachedUnless(db, () => state.away),
      instance: name,
      regulator: 'moscow',
      readings: () => (state.counts ? count(enforcement.inForce(), state.dataAgeMs) : null),
      dataAgeMs: () => state.dataAgeMs,
      maxDataAgeMs: 60_000,
      lifetime,
      clock,
      log: openLog('silent'),
      metrics,
    });
    const instance: Instance = Object.assign(state, { name, enforcement });
    instances.push(instance);
    return instance;
  };

  /** As its loops do; what fails is tried again in the next step. */
  const turn = async ({ enforcement }: Instance) => {
    await enforcement.judgeOnce().catch(() => {});
    await enforcement.runOnce().catch(() => {});
  };
  const step = async (stepMs: number) => {
    ms += stepMs;
    await sql`update deptrans.test_clock set at = ${new Date(START + ms)}`.execute(db);
    for (const instance of instances) await turn(instance);
  };
  const blocks = ({ enforcement }: Instance, region = 'moscow') =>
    !judge({ ...factsWith(null), region }, {}, enforcement.inForce().compiled, clock.now(), 0).isAllowed;

  start('one', true);
  start('two');
  for (let i = 0; i < 2; i++) await step(STEP_MS);
  return {
    db,
    metrics,
    sessions,
    instances,
    clock,
    put,
    start,
    /** Kills an instance. */
    async kill(name: string) {
      const at = instances.findIndex((instance) => instance.name === name);
      const [gone] = instances.splice(at, 1);
      gone!.away = true;
      await gone!.enforcement[Symbol.asyncDispose]();
    },
    /** Lets so many seconds pass; in longer steps where nothing is expected to happen soon. */
    async pass(seconds: number, stepMs = STEP_MS) {
      for (let passed = 0; passed < seconds * 1_000; passed += stepMs) await step(stepMs);
    },
    /** Lets time pass until a condition holds, at most so many seconds; returns how many it took. */
    async passUntil(condition: () => boolean, most: number): Promise<number> {
      const from = ms;
      while (!condition() && ms - from < most * 1_000) await step(STEP_MS);
      return condition() ? (ms - from) / 1_000 : Number.POSITIVE_INFINITY;
    },
    /** Which instances keep drivers without a shift from orders. */
    blocking: (region?: string) => instances.filter((one) => blocks(one, region)).map(({ name }) => name),
    /** So many people have no shift, or one of which nothing is known. */
    without: (n: number) => fill(n, null),
    unclear: (n: number) => fill(n, 'unrecognised'),
    /** Of Moscow, newest first. */
    async records() {
      const all = await listStepBacks(db, Number.MAX_SAFE_INTEGER, 100);
      return all.filter(({ region }) => region === 'moscow');
    },
    async [Symbol.asyncDispose]() {
      for (const instance of instances) await instance.enforcement[Symbol.asyncDispose]();
      await stack.disposeAsync();
    },
  };
}

export type StepBackWorld = Awaited<ReturnType<typeof openStepBackWorld>>;

function factsWith(session: SessionStatus | null): Facts {
  const person = { hasPerson: true, person: 'ann', share: 0, binding: 'bound', bindingUpdatedAt: START } as const;
  return { parkId: 'p', ...person, session, sessionUpdatedAt: START, sessionEndedAt: null, region: 'moscow' };
}

/** The database, or an error at the first touch of it. */
function reachedUnless(db: Db, isAway: () => boolean): Db {
  return new Proxy(db, {
    get(target, key) {
      if (isAway()) throw new Error('Connection terminated');
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
