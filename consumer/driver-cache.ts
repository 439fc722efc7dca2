import type { CheckResult, Explanation, Order } from './checks.ts';
import { Copy } from './copy.ts';
import type { Driver, DriverRecord } from './driver-record.ts';
import { MemoryCache } from './memory-cache.ts';
import { type CacheState, type DriverCacheOptions, settingsOf } from './options.ts';
import { Policies } from './policies.ts';
import { Upkeep } from './upkeep.ts';

export type { Policy, RegionPolicy, Rule } from '../verdict/policy.ts';
export type { Verdict } from '../verdict/verdict.ts';
export type { BindingState, Mode, Outcome, Reason, SessionStatus } from '../verdict/words.ts';
export type { CheckResult, Explanation, Order } from './checks.ts';
export { type DriverFixture, driverCacheFrom } from './driver-cache-from.ts';
export type { Driver, DriverRecord, IdRecord, SessionRecord } from './driver-record.ts';
export type { CacheState, Change, DriverCacheOptions, DumpOptions } from './options.ts';
export { policyBlockingIn, type Region } from './policies.ts';

/**
 * An exact copy of ids and shifts in this process, and the two checks answered from it.
 *
 * It guarantees: a check waits for nothing and throws nothing; its facts are at most `ageMs` old, by a clock that only goes forward; facts older
 * than `maxAgeMs`, a driver nobody knows and a failure of its own are UNKNOWN, which blocks nobody unless you say so; the copy is compared with
 * the service's digest at each heartbeat, and mended by buckets or replaced where it differs.
 *
 * It does not guarantee that a driver who passes has a shift now: only that he had, `ageMs` ago. How long a heartbeat was on its way is not in
 * `ageMs`; nor is a change of the wall clock between two lives of the process, where the age of a dump is concerned.
 */
export type DriverCache = AsyncDisposable &
  Iterable<DriverRecord> & {
    /** May this driver take this order, by the policy in force? From memory, in less than a microsecond. */
    check(driver: Driver, order?: Order): CheckResult;
    /** The same with the times that a person wants to know; somewhat slower. */
    explain(driver: Driver, order?: Order): Explanation;
    /** What both feeds say of a profile; null if nothing. */
    get(driver: Driver): DriverRecord | null;
    /** Profiles that are held. */
    readonly size: number;
    readonly state: CacheState;
    /** The copy equals the service's database as it was at most so many milliseconds ago; infinite before there is one. */
    readonly ageMs: number;
    /**
     * Resolves when checks can be answered: at once after a good dump, else after the first snapshot. Rejects when `signal` aborts, or the cache
     * is closed.
     */
    ready(signal?: AbortSignal): Promise<void>;
    /** Switches the checks off at once: unknown, and allowed. The copy is kept up meanwhile. */
    suspend(): void;
    resume(): void;
    /** Writes the dump now. Resolves when it is in its place, or has failed. */
    dump(): Promise<void>;
    metrics(): Record<string, number>;
    /** The metrics in Prometheus' text form. */
    metricsText(): string;
    /** Ends the streams, writes the dump, and answers UNKNOWN from then on. */
    close(): Promise<void>;
  };

/**
 * Opens a cache. It resolves as soon as the dump, if there is one, has been read; it does not wait for the network. Rejects with a TypeError where
 * an option cannot be.
 */
export async function openDriverCache(options: DriverCacheOptions): Promise<DriverCache> {
  const settings = settingsOf(options);
  const copy = new Copy();
  const policies = new Policies();
  const upkeep = new Upkeep(settings, options, copy, policies);
  await upkeep.dumps?.load();
  const cache = new MemoryCache({
    copy,
    policies,
    settings,
    upkeep,
    onChange: options.onChange,
    onState: options.onState,
  });
  cache.start();
  return cache;
}
