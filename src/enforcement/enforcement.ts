import { create, fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type Policy, type PolicyInForce, PolicyInForceSchema, PolicySchema } from '../../gen/deptrans/v1/policy_pb.ts';
import { policyFromContract } from '../../verdict/from-contract.ts';
import { type CompiledPolicy, compilePolicy } from '../../verdict/verdict.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Lifetime } from '../runtime/lifetime.ts';
import type { Log } from '../runtime/log.ts';
import { startLoop } from '../runtime/loop.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Db } from '../store/database.ts';
import { readPolicy, readPolicyVersion } from '../store/policies.ts';
import { readRules, readRulesVersion } from '../store/rules.ts';

export { type PolicyProblem, problemsOf } from './check-policy.ts';
export { isShown, type Texts, textsSchema } from './texts.ts';

/**
 * The policy in force, in memory: read again within `pollMs` of a change, kept as it is while the database is away. Before the first read
 * nothing is in force, and everything is observed.
 */
export type Enforcement = AsyncDisposable & {
  /** One value, replaced whole. */
  inForce(): InForce;
  /** Called with each new value, once the old one is no longer given out. */
  onChange(listener: (now: InForce) => void): void;
  /** Looks now. */
  runOnce(): Promise<void>;
  /** Why nothing can be judged yet; null if it can. */
  notReady(): string | null;
};

export type InForce = { readonly message: PolicyInForce; readonly compiled: CompiledPolicy };

export type EnforcementParts = {
  db: Db;
  /** Facts older than this say nothing, where the policy does not say it. */
  maxDataAgeMs: number;
  pollMs?: number;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

export function openEnforcement(parts: EnforcementParts): Enforcement {
  const { db, maxDataAgeMs, pollMs = 250, lifetime, clock, metrics } = parts;
  const log = parts.log.child({ part: 'enforcement' });
  const version = metrics.gauge('enforcement_policy_version', 'The version of the policy in force', []);
  const suspended = metrics.gauge('enforcement_suspended', '1 while everything is switched off', []);
  const listeners: ((now: InForce) => void)[] = [];
  let inForce = inForceOf(create(PolicyInForceSchema, { policy: { maxDataAge: durationFromMs(maxDataAgeMs) } }));
  let rulesVersion = -1;

  const runOnce = async (): Promise<void> => {
    const [newest, newestRules] = await Promise.all([readPolicyVersion(db), readRulesVersion(db)]);
    if (newest === Number(inForce.message.version) && newestRules === rulesVersion) return;
    inForce = inForceOf(await readInForce(db, maxDataAgeMs));
    rulesVersion = newestRules;
    const { message } = inForce;
    version.set({}, Number(message.version));
    suspended.set({}, message.suspended ? 1 : 0);
    log.info({ version: Number(message.version), suspended: message.suspended }, 'policy in force');
    for (const listener of listeners) listener(inForce);
  };

  const loop = startLoop({
    name: 'policy',
    pauseMs: pollMs,
    backoff: { baseMs: pollMs, maxMs: 1_000 },
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
    inForce: () => inForce,
    onChange: (listener) => void listeners.push(listener),
    runOnce,
    notReady: () => (rulesVersion < 0 ? 'the policy has not been read yet' : null),
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
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
  const policy = policyFromStore(stored?.policy ?? {});
  policy.maxDataAge ??= durationFromMs(maxDataAgeMs);
  return create(PolicyInForceSchema, {
    version: BigInt(stored?.version ?? 0),
    suspended: stored?.suspended ?? false,
    policy,
    regions: regions.map(({ id, on, tariffs }) => ({ region: id, on, tariffs: [...tariffs] })),
  });
}

/** As it is when it is given out. */
export function inForceOf(message: PolicyInForce): InForce {
  return { message, compiled: compilePolicy(policyFromContract(message)) };
}
