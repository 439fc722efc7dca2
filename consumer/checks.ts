import { everywhere, type Judgement, judge, type Order, timesOf, type Verdict } from '../verdict/verdict.ts';
import type { Copy } from './copy.ts';
import type { Driver } from './driver-record.ts';
import { Key } from './hash.ts';
import type { Policies } from './policies.ts';
import { RowFacts } from './row-facts.ts';

export type { Order };

export type CheckResult = {
  readonly deptransId: Verdict;
  readonly session: Verdict;
  /** Whether the driver may get the order: no check fails in the mode `block`, and an unknown one does not count against the driver unless it was so configured. */
  readonly allowed: boolean;
  /** The region by which it was judged; empty outside every region. */
  readonly region: string;
  /** The facts are those of the service's database at most this many milliseconds ago. */
  readonly ageMs: number;
  /** The version of the policy that it was judged by; 0: none was ever put, or none has come yet. */
  readonly policyVersion: number;
};

/** A result with what a person wants to know beside it. Times in ms since 1970. */
export type Explanation = CheckResult & {
  /** Since when the facts are so; null if that is not known or played no part. */
  readonly deptransIdSince: number | null;
  readonly sessionSince: number | null;
  /** When the shift's verdict turns by itself. */
  readonly sessionUntil: number | null;
};

export type ChecksOptions = {
  copy: Copy;
  policies: Pick<Policies, 'compiled'>;
  /** Facts older than this say nothing, whatever the policy allows. */
  maxAgeMs: number;
  onUnknown: 'allow' | 'deny';
  ageMs(): number;
  now(): number;
};

/** Answers from memory: no network, no exceptions, no row of the copy but where a second is not exact enough. */
export class Checks {
  suspended = false;
  count = 0;
  unknown = 0;
  failures = 0;
  readonly #options: ChecksOptions;
  readonly #key = new Key();
  readonly #facts: RowFacts;
  #isKnown = false;

  constructor(options: ChecksOptions) {
    this.#options = options;
    this.#facts = new RowFacts(options.copy);
  }

  check(driver: Driver, order: Order = NO_ORDER): CheckResult {
    this.count += 1;
    this.#isKnown = false;
    const { compiled } = this.#options.policies;
    const { version } = compiled.policy;
    let ageMs = Number.POSITIVE_INFINITY;
    let judged: Judgement;
    try {
      ageMs = this.#options.ageMs();
      judged = this.suspended ? everywhere('suspended', 'off', version) : this.#judge(driver, order, ageMs);
    } catch {
      this.failures += 1;
      judged = everywhere('check_failed', 'observe', version);
    }
    const { deptransId, session, region } = judged;
    return { deptransId, session, allowed: this.#isAllowed(judged), region, ageMs, policyVersion: version };
  }

  explain(driver: Driver, order?: Order): Explanation {
    const result = this.check(driver, order);
    const facts = this.#isKnown ? this.#facts : null;
    const { since, until } = timesOf(result.session, facts);
    const deptransIdSince = timesOf(result.deptransId, facts).since;
    return { ...result, deptransIdSince, sessionSince: since, sessionUntil: until };
  }

  #judge(driver: Driver, order: Order, ageMs: number): Judgement {
    const { copy, policies, maxAgeMs, now } = this.#options;
    this.#isKnown = this.#facts.turnTo(this.#find(copy, driver), driver.parkId);
    const age = ageMs <= maxAgeMs ? ageMs : Number.POSITIVE_INFINITY;
    return judge(this.#isKnown ? this.#facts : null, order, policies.compiled, now(), age);
  }

  #find(copy: Copy, { parkId, driverId }: Driver): number {
    const key = this.#key;
    const { index } = copy;
    if (index.collisions === 0) {
      key.setHash(parkId, driverId);
      return index.find(key.lo, key.hi);
    }
    key.set(parkId, driverId);
    return copy.entryOf(key);
  }

  #isAllowed({ deptransId, session, isAllowed }: Judgement): boolean {
    const isUnknown = deptransId.outcome === 'unknown' || session.outcome === 'unknown';
    if (isUnknown) this.unknown += 1;
    if (this.suspended) return true;
    return isAllowed && !(isUnknown && this.#options.onUnknown === 'deny');
  }
}

const NO_ORDER: Order = {};
