import { create, fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import { type Policy, type PolicyInForce, PolicyInForceSchema, PolicySchema } from '../../gen/deptrans/v1/policy_pb.ts';
import { policyFromContract } from '../../verdict/from-contract.ts';
import { type CompiledPolicy, compilePolicy } from '../../verdict/verdict.ts';
import type { Region } from '../domain/region.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Lifetime } from '../runtime/lifetime.ts';
import type { Log } from '../runtime/log.ts';
import { startLoop } from '../runtime/loop.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Db } from '../store/database.ts';
import { readNewest } from '../store/newest.ts';
import { readPolicy, type StoredPolicy } from '../store/policies.ts';
import type { RegionReading } from '../store/region-readings.ts';
import { readRules } from '../store/rules.ts';
import { openLocalStepBack } from './local-step-back.ts';
import { isStrict, stepBackOf } from './step-back.ts';
import { openStepBackJudge } from './step-back-judge.ts';

export type { RegionReading } from '../store/region-readings.ts';
export { type PolicyProblem, problemsOf } from './check-policy.ts';
export { isShown, type Texts, textsSchema } from './texts.ts';

/**
 * The policy in force, in memory: read again within `pollMs` of a change, kept as it is while the database is away. Before the first read
 * nothing is in force, and everything is observed.
 *
 * Where a region has stepped back nothing is stricter than WARN: because the readings of the cluster are beyond a limit of the policy (judged on one
 * elected instance), or because this instance cannot know what is right: its facts are too old, or it has not heard the database.
 */
export type Enforcement = AsyncDisposable & {
  /** One value, replaced whole. */
  inForce(): InForce;
  /** Called with each new value, once the old one is no longer given out. */
  onChange(listener: (now: InForce) => void): void;
  /** Looks now. */
  runOnce(): Promise<void>;
  /** Judges now which regions step back, if this instance leads, and looks at its own state. */
  judgeOnce(): Promise<void>;
  /** A policy as it is stored, in the regions as they are now, as if it were the one in force. */
  asInForce(stored: object): CompiledPolicy['policy'];
  /** Why nothing can be judged yet; null if it can. */
  notReady(): string | null;
};

/** `asPut`: as if no region had stepped back, for whoever counts what blocking costs. */
export type InForce = {
  readonly message: PolicyInForce;
  readonly compiled: CompiledPolicy;
  readonly asPut: CompiledPolicy;
};

export type EnforcementParts = {
  db: Db;
  /** Names this instance in elections. */
  instance: string;
  /** The regulator's name in the tables. */
  regulator: string;
  /** What this instance counts of each region under `asPut`; null: another one counts. */
  readings: () => readonly RegionReading[] | null;
  /** How old the facts are that this instance judges by; Infinity before there are any. */
  dataAgeMs: () => number;
  /** Facts older than this say nothing, where the policy does not say it. */
  maxDataAgeMs: number;
  pollMs?: number;
  judgeMs?: number;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

export function openEnforcement(parts: EnforcementParts): Enforcement {
  const { db, maxDataAgeMs, pollMs = 250, judgeMs = 500, lifetime, clock, metrics } = parts;
  const log = parts.log.child({ part: 'enforcement' });
  const version = metrics.gauge('enforcement_policy_version', 'The version of the policy in force', []);
  const suspended = metrics.gauge('enforcement_suspended', '1 while everything is switched off', []);
  const steppedBack = metrics.gauge('enforcement_stepped_back', '1 for each region that has stepped back here', [
    'region',
    'where',
  ] as const);
  const listeners: ((now: InForce) => void)[] = [];
  let inForce = inForceOf(create(PolicyInForceSchema, { policy: { maxDataAge: durationFromMs(maxDataAgeMs) } }));
  let rulesVersion = -1;
  let everywhere: ReadonlySet<string> = new Set();
  let here: ReadonlySet<string> = new Set();
  const local = openLocalStepBack();
  let heardAt = clock.monotonic();

  const putInForce = (message: PolicyInForce): void => {
    inForce = inForceOf(withStepBacks(message, everywhere, here));
    steppedBack.reset();
    for (const region of everywhere) steppedBack.set({ region, where: 'everywhere' }, 1);
    for (const region of here) steppedBack.set({ region, where: 'here' }, 1);
    for (const listener of listeners) listener(inForce);
  };

  const runOnce = async (): Promise<void> => {
    const newest = await readNewest(db);
    const isNew = newest.policy !== Number(inForce.message.version) || newest.rules !== rulesVersion;
    const message = isNew ? await readInForce(db, maxDataAgeMs) : inForce.message;
    heardAt = clock.monotonic();
    const regions = new Set(newest.steppedBack);
    if (!isNew && isSame(regions, everywhere)) return;
    everywhere = regions;
    rulesVersion = newest.rules;
    putInForce(message);
    version.set({}, Number(message.version));
    suspended.set({}, message.suspended ? 1 : 0);
    const line = { version: Number(message.version), suspended: message.suspended, steppedBack: [...regions] };
    log.info(line, 'policy in force');
  };

  /** Of this instance alone, so it needs nobody. */
  const lookHere = (): void => {
    const { policy } = inForce.message;
    const strict = (policy?.regions ?? []).filter(isStrict);
    const limits = new Map(strict.map((region) => [region.region, stepBackOf(region, msOf(policy, maxDataAgeMs))]));
    const age = parts.dataAgeMs();
    const now = clock.monotonic();
    const state = { silentMs: now - heardAt, dataAgeMs: Number.isFinite(age) ? age : 0, now };
    const regions = local.look(limits, state);
    if (isSame(regions, here)) return;
    here = regions;
    log.warn({ steppedBack: [...here], ...state }, 'stepped back here');
    putInForce(inForce.message);
  };

  const judge = openStepBackJudge({
    ...parts,
    judgeMs,
    log,
    inForce: () => ({
      version: Number(inForce.message.version),
      suspended: inForce.message.suspended,
      maxDataAgeMs: msOf(inForce.message.policy, maxDataAgeMs),
      policy: inForce.message.policy,
    }),
  });
  const common = { lifetime, clock, log, timer: metrics.timer('enforcement') };
  const idleAfter = (work: () => void | Promise<void>) => async () => {
    await work();
    return 'idle' as const;
  };
  const backoff = { baseMs: pollMs, maxMs: 1_000 };
  const reading = startLoop({ ...common, name: 'policy', pauseMs: pollMs, backoff, runOnce: idleAfter(runOnce) });
  const looking = startLoop({ ...common, name: 'own-state', pauseMs: judgeMs, runOnce: idleAfter(lookHere) });

  return {
    inForce: () => inForce,
    onChange: (listener) => void listeners.push(listener),
    runOnce,
    async judgeOnce() {
      lookHere();
      await judge.runOnce();
    },
    asInForce(stored) {
      const policy = policyFromStore(stored);
      policy.maxDataAge ??= durationFromMs(maxDataAgeMs);
      return policyFromContract({ ...inForce.message, policy });
    },
    notReady: () => (rulesVersion < 0 ? 'the policy has not been read yet' : null),
    async [Symbol.asyncDispose]() {
      await Promise.all([reading, looking].map((loop) => loop[Symbol.asyncDispose]()));
      await judge[Symbol.asyncDispose]();
    },
  };
}

/** The policy as it is kept. */
export function policyToStore(policy: Policy): object {
  return toJson(PolicySchema, policy) as object;
}

/** The policy as it was kept, by this release or one before or after it. */
export function policyFromStore(json: object): Policy {
  return fromJson(PolicySchema, json as JsonValue, { ignoreUnknownFields: true });
}

async function readInForce(db: Db, maxDataAgeMs: number): Promise<PolicyInForce> {
  const [stored, { regions }] = await Promise.all([readPolicy(db), readRules(db)]);
  return messageOf(stored, regions, maxDataAgeMs);
}

/** What is, or was, in force by a version of the policy (null: none had been put), the rules of reporting, and the regions that had stepped back. */
export function messageOf(
  stored: StoredPolicy | null,
  regions: readonly Region[],
  maxDataAgeMs: number,
  steppedBack: readonly string[] = [],
): PolicyInForce {
  const policy = policyFromStore(stored?.policy ?? {});
  policy.maxDataAge ??= durationFromMs(maxDataAgeMs);
  return create(PolicyInForceSchema, {
    version: BigInt(stored?.version ?? 0),
    suspended: stored?.suspended ?? false,
    policy,
    regions: regions.map(({ id, on, tariffs }) => ({
      region: id,
      on,
      tariffs: [...tariffs],
      steppedBack: steppedBack.includes(id),
    })),
  });
}

/** As it is when it is given out. */
export function inForceOf(message: PolicyInForce): InForce {
  const policy = policyFromContract(message);
  const compiled = compilePolicy(policy);
  if (!policy.regions.some(({ steppedBack }) => steppedBack)) return { message, compiled, asPut: compiled };
  const regions = policy.regions.map((region) => ({ ...region, steppedBack: false }));
  return { message, compiled, asPut: compilePolicy({ ...policy, regions }) };
}

function withStepBacks(message: PolicyInForce, ...sets: readonly ReadonlySet<string>[]): PolicyInForce {
  const regions = message.regions.map((region) => ({
    ...region,
    steppedBack: sets.some((set) => set.has(region.region)),
  }));
  return { ...message, regions };
}

function msOf(policy: Policy | undefined, otherwiseMs: number): number {
  return policy?.maxDataAge ? durationMs(policy.maxDataAge) : otherwiseMs;
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((one) => b.has(one));
}
