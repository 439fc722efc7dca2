import { type CheckResult, Checks, type Explanation, type Order } from './checks.ts';
import { type Copy, KINDS } from './copy.ts';
import type { DriverCache } from './driver-cache.ts';
import { type Driver, type DriverRecord, recordOf } from './driver-record.ts';
import { Key } from './hash.ts';
import { Hooks } from './hooks.ts';
import { rowOf } from './key-index.ts';
import { metricsOf, metricsText } from './metrics.ts';
import type { CacheState, DriverCacheOptions, Settings } from './options.ts';
import type { Policies } from './policies.ts';
import { States } from './states.ts';
import type { Upkeep } from './upkeep.ts';

export type MemoryCacheOptions = {
  copy: Copy;
  policies: Policies;
  settings: Settings;
  /** Null: the copy is what it is, and always fresh. */
  upkeep: Upkeep | null;
  onChange?: DriverCacheOptions['onChange'] | undefined;
  onState?: DriverCacheOptions['onState'] | undefined;
};

const TICK_MS = 250;
/** In so many ticks, two heartbeats as they usually are, every row is looked at. */
const SWEEP_TICKS = 8;

/** The face of a copy and its upkeep; see DriverCache. */
export class MemoryCache implements DriverCache {
  readonly #copy: Copy;
  readonly #policies: Policies;
  readonly #settings: Settings;
  readonly #upkeep: Upkeep | null;
  readonly #hooks = new Hooks();
  readonly #checks: Checks;
  readonly #states: States;
  readonly #probe = new Key();
  #ticking: NodeJS.Timeout | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  constructor({ copy, policies, settings, upkeep, onChange, onState }: MemoryCacheOptions) {
    this.#copy = copy;
    this.#policies = policies;
    this.#settings = settings;
    this.#upkeep = upkeep;
    this.#checks = new Checks({ ...settings, copy, policies, ageMs: () => this.ageMs, now: settings.clock.now });
    this.#states = new States(
      () => this.state,
      (state, before) => this.#hooks.call(onState, state, before),
    );
    if (!onChange) return;
    copy.onRecord = (kind, key, deleted) => {
      this.#hooks.call(onChange, { ...key.text(), kind: kind === 'ids' ? 'id' : 'session', deleted });
    };
  }

  start(): void {
    this.#upkeep?.start(() => this.#states.look());
    this.#ticking = setInterval(() => {
      this.#states.look();
      this.#upkeep?.dumps?.tick();
      this.#upkeep?.inspector.sweep(SWEEP_TICKS);
    }, TICK_MS).unref();
  }

  check(driver: Driver, order?: Order): CheckResult {
    return this.#checks.check(driver, order);
  }

  explain(driver: Driver, order?: Order): Explanation {
    return this.#checks.explain(driver, order);
  }

  get(driver: Driver): DriverRecord | null {
    this.#probe.set(driver.parkId, driver.driverId);
    const entry = this.#copy.entryOf(this.#probe);
    return entry === -1 ? null : recordOf(this.#copy, rowOf(this.#copy.index.table[entry + 3]!));
  }

  *[Symbol.iterator](): Iterator<DriverRecord> {
    const { rows } = this.#copy;
    for (let row = 1; row < rows.end; row++) if (rows.isUsed(row)) yield recordOf(this.#copy, row);
  }

  get size(): number {
    return this.#copy.rows.count;
  }

  get ageMs(): number {
    if (this.#upkeep) return this.#upkeep.ageMs;
    return this.#isClosed ? Number.POSITIVE_INFINITY : 0;
  }

  get state(): CacheState {
    if (this.#isClosed) return 'closed';
    if (this.#checks.suspended) return 'suspended';
    if (!this.#upkeep) return 'current';
    const { ageMs } = this;
    if (!this.#upkeep.isWhole || ageMs === Number.POSITIVE_INFINITY) return 'loading';
    const { maxDataAgeMs } = this.#policies.compiled.policy;
    if (ageMs > Math.min(this.#settings.maxAgeMs, maxDataAgeMs)) return 'too_old';
    return this.#upkeep.isConnected ? 'current' : 'detached';
  }

  ready(signal?: AbortSignal): Promise<void> {
    return this.#states.ready(signal);
  }

  suspend(): void {
    this.#checks.suspended = true;
    this.#states.look();
  }

  resume(): void {
    this.#checks.suspended = false;
    this.#states.look();
  }

  async dump(): Promise<void> {
    await this.#upkeep?.dumps?.write();
  }

  metrics(): Record<string, number> {
    const upkeep = this.#upkeep;
    const feeds = upkeep ? KINDS.map((kind) => ({ feed: upkeep.feeds[kind], following: upkeep.followings[kind] })) : [];
    return metricsOf({
      copy: this.#copy,
      policy: this.#policies.compiled.policy,
      checks: this.#checks,
      hooks: this.#hooks,
      upkeep,
      feeds,
    });
  }

  metricsText(): string {
    return metricsText(this.metrics());
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#ticking);
    await this.#upkeep?.close();
    this.#states.look();
  }
}
