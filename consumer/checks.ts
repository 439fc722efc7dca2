import { type Copy, IN_ID, IN_PERSON } from './copy.ts';
import type { Driver } from './driver-record.ts';
import { isOver, isOverAt } from './ends.ts';
import { Key } from './hash.ts';
import { bitsOf, rowOf } from './key-index.ts';
import { CHUNK_ROWS, F64, ROW_BYTES, U16 } from './rows.ts';
import {
  CHECK_FAILED,
  DATA_TOO_OLD,
  judge,
  NOT_REQUIRED,
  PERSON_UNKNOWN,
  PROFILE_UNKNOWN,
  SUSPENDED,
  type Verdicts,
} from './verdict.ts';

/** A region's rules: which tariffs need the checks, and whether it is on at all. */
export type Region = { readonly id: string; readonly on: boolean; readonly tariffs: readonly string[] };

/** What an order asks for. Without a region: the one in which the shift was last judged. Without categories: any listed one. */
export type Order = { readonly region?: string | undefined; readonly categories?: readonly string[] | undefined };

export type CheckResult = Verdicts & {
  /** Whether the driver may get the order: no check fails, and an unknown one does not count against the driver unless it was so configured. */
  readonly allowed: boolean;
  /** The region by which it was judged; empty outside every region. */
  readonly region: string;
  /** The facts are those of the service's database at most this many milliseconds ago. */
  readonly ageMs: number;
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
  regions: readonly Region[];
  /** Facts older than this say nothing. */
  maxAgeMs: number;
  onUnknown: 'allow' | 'deny';
  ageMs(): number;
  now(): number;
};

const NOWHERE = '';

/** Answers from memory: no network, no exceptions, no row of the copy but where a second is not exact enough. */
export class Checks {
  suspended = false;
  count = 0;
  unknown = 0;
  failures = 0;
  readonly #options: ChecksOptions;
  readonly #regions: ReadonlyMap<string, { rules: Region; tariffs: ReadonlySet<string> }>;
  readonly #key = new Key();
  #region = NOWHERE;
  #entry = -1;

  constructor(options: ChecksOptions) {
    this.#options = options;
    this.#regions = new Map(options.regions.map((rules) => [rules.id, { rules, tariffs: new Set(rules.tariffs) }]));
  }

  check(driver: Driver, order?: Order): CheckResult {
    this.count += 1;
    let ageMs = Number.POSITIVE_INFINITY;
    let verdicts: Verdicts = SUSPENDED;
    this.#region = NOWHERE;
    this.#entry = -1;
    try {
      ageMs = this.#options.ageMs();
      if (!this.suspended) verdicts = this.#judge(driver, order, ageMs);
    } catch {
      this.failures += 1;
      verdicts = CHECK_FAILED;
    }
    const { deptransId, session } = verdicts;
    return { deptransId, session, allowed: this.#isAllowed(verdicts), region: this.#region, ageMs };
  }

  explain(driver: Driver, order?: Order): Explanation {
    const result = this.check(driver, order);
    const none = { deptransIdSince: null, sessionSince: null, sessionUntil: null };
    if (!isJudged(result) || this.#entry === -1) return { ...result, ...none };
    const row = rowOf(this.#options.copy.index.table[this.#entry + 3]!);
    const ended = this.#time(row, F64.ended);
    const { reason, outcome } = result.session;
    // A shift that should have ended by now is over since its end, not since we heard of it last.
    const endedByTheClock = reason === 'session_ended' && this.#isOpenStatus();
    return {
      ...result,
      deptransIdSince: this.#time(row, F64.idUpdated),
      sessionSince: endedByTheClock ? ended : this.#status() === 0 ? null : this.#time(row, F64.sessionUpdated),
      sessionUntil: outcome === 'pass' ? ended : null,
    };
  }

  #judge(driver: Driver, order: Order | undefined, ageMs: number): Verdicts {
    const { copy, maxAgeMs } = this.#options;
    if (!(ageMs <= maxAgeMs)) return DATA_TOO_OLD;
    const key = this.#key;
    const { index } = copy;
    let entry: number;
    if (index.collisions === 0) {
      key.setHash(driver.parkId, driver.driverId);
      entry = index.find(key.lo, key.hi);
    } else {
      key.set(driver.parkId, driver.driverId);
      entry = copy.entryOf(key);
    }
    this.#entry = entry;
    const bits = entry === -1 ? 0 : bitsOf(index.table[entry + 3]!);
    if ((bits & IN_ID) === 0) return PROFILE_UNKNOWN;
    const region = this.#regions.get(order?.region || this.#lastRegion(bits, entry));
    if (!region?.rules.on) return NOT_REQUIRED;
    this.#region = region.rules.id;
    if (!isListed(order?.categories, region.tariffs)) return NOT_REQUIRED;
    if ((bits & IN_PERSON) === 0) return PERSON_UNKNOWN;
    return judge((bits >> 2) & 3, bits >> 4, this.#isOver(entry));
  }

  /** Where the driver's shift was last judged. */
  #lastRegion(bits: number, entry: number): string {
    if (bits >> 4 === 0) return NOWHERE;
    const row = rowOf(this.#options.copy.index.table[entry + 3]!);
    const { u16 } = this.#options.copy.rows.chunk(row);
    return this.#options.copy.regions.nameOf(u16[(row & (CHUNK_ROWS - 1)) * (ROW_BYTES / 2) + U16.region]!);
  }

  #isOver(entry: number): boolean {
    const { table } = this.#options.copy.index;
    const now = this.#options.now();
    const over = isOverAt(table[entry + 2]!, Math.floor(now / 1_000));
    return over ?? isOver(this.#double(rowOf(table[entry + 3]!), F64.ended), now);
  }

  #isAllowed({ deptransId, session }: Verdicts): boolean {
    const isUnknown = deptransId.outcome === 'unknown' || session.outcome === 'unknown';
    if (isUnknown) this.unknown += 1;
    if (this.suspended) return true;
    if (isUnknown && this.#options.onUnknown === 'deny') return false;
    return deptransId.outcome !== 'fail' && session.outcome !== 'fail';
  }

  #status(): number {
    return bitsOf(this.#options.copy.index.table[this.#entry + 3]!) >> 4;
  }

  /** Issued or on line. */
  #isOpenStatus(): boolean {
    return this.#status() === 1 || this.#status() === 2;
  }

  #time(row: number, field: number): number | null {
    const micros = this.#double(row, field);
    return Number.isNaN(micros) ? null : Math.floor(micros / 1_000);
  }

  #double(row: number, field: number): number {
    return this.#options.copy.rows.chunk(row).f64[(row & (CHUNK_ROWS - 1)) * (ROW_BYTES / 8) + field]!;
  }
}

/** Whether the facts decided, and not their absence or the rules. */
function isJudged({ deptransId }: Verdicts): boolean {
  return ['no_id', 'id_rejected', 'id_recheck', null].includes(deptransId.reason);
}

function isListed(categories: readonly string[] | undefined, tariffs: ReadonlySet<string>): boolean {
  if (categories === undefined || categories.length === 0) return true;
  for (let i = 0; i < categories.length; i++) if (tariffs.has(categories[i]!)) return true;
  return false;
}
