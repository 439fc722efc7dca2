import { crc32 } from 'node:zlib';
import { digestItem, keyHash } from '../../test/support/feed/murmur.ts';

export type Kind = 'ids' | 'statuses';

/** What a record is from one commit on, as the database itself told in the transaction that made it so. */
export type Version = {
  /** `park/driver`. */
  key: string;
  seq: number;
  deleted: boolean;
  region: string;
  /** A checksum of all fields that a record shows. */
  value: number;
};

export type Commit = {
  /** Its numbers are those above `after`, up to `seq`. */
  after: number;
  seq: number;
  /** When the writer knew of it; infinite if it never heard. */
  knownAtMs: number;
  versions: Readonly<Record<Kind, readonly Version[]>>;
};

export type Filter = readonly string[];

/** Whether somebody with the filter is shown that the key is gone. */
export function isGone({ deleted, region }: Version, filter: Filter): boolean {
  return deleted || (filter.length > 0 && !filter.includes(region));
}

/** A live version as a number of 51 bits; sums of them stand for whole copies. */
export function itemOf(key: string, seq: number, value: number): number {
  const text = `${key} ${seq} ${value}`;
  return crc32(text) * 0x8_0000 + (crc32(`${text}.`) & 0x7_ffff);
}

const MODULUS = 2 ** 52;
export const sumWith = (sum: number, item: number): number => (sum + item) % MODULUS;
export const sumWithout = (sum: number, item: number): number => (sum - item + MODULUS) % MODULUS;

/** One stream's part of the history of the database, to be judged against. */
export class Truth {
  readonly kind: Kind;
  /** All versions in the order of their numbers. */
  readonly versions: readonly Version[];
  readonly #byKey = new Map<string, Version[]>();
  readonly #ends = new Set<number>([0]);
  readonly #knownAt: { atMs: number; seq: number }[] = [];
  readonly #commits: readonly Commit[];
  readonly #sums = new Map<string, Map<number, number>>();
  readonly #digests = new WeakMap<Version, { bucket: number; item: bigint }>();

  constructor(kind: Kind, commits: readonly Commit[]) {
    this.kind = kind;
    this.#commits = commits.toSorted((a, b) => a.seq - b.seq);
    this.versions = this.#commits.flatMap((commit) => commit.versions[kind]).toSorted((a, b) => a.seq - b.seq);
    for (const version of this.versions) {
      const known = this.#byKey.get(version.key);
      if (known) known.push(version);
      else this.#byKey.set(version.key, [version]);
    }
    let newest = 0;
    for (const { seq, knownAtMs } of this.#commits.toSorted((a, b) => a.knownAtMs - b.knownAtMs)) {
      newest = Math.max(newest, seq);
      this.#knownAt.push({ atMs: knownAtMs, seq: newest });
    }
    for (const { seq } of this.#commits) this.#ends.add(seq);
  }

  /** Whether the number is the last of a commit. */
  isEnd(seq: number): boolean {
    return this.#ends.has(seq);
  }

  find(key: string, seq: number): Version | undefined {
    return this.#byKey.get(key)?.findLast((version) => version.seq === seq);
  }

  /** The version of the key that came after this one. */
  next({ key, seq }: Version): Version | undefined {
    return this.#byKey.get(key)?.find((version) => version.seq > seq);
  }

  /** The versions with numbers above `after`, up to `upTo`. */
  between(after: number, upTo: number): readonly Version[] {
    return this.versions.slice(this.#place(after), this.#place(upTo));
  }

  /** The newest commit of which somebody knew by then. */
  knownBy(atMs: number): number {
    let low = 0;
    let high = this.#knownAt.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#knownAt[middle]!.atMs <= atMs) low = middle + 1;
      else high = middle;
    }
    return this.#knownAt[low - 1]?.seq ?? 0;
  }

  /** What a whole copy sums up to after a commit; undefined for a number that is the end of none. */
  sumAt(seq: number, filter: Filter): number | undefined {
    const name = filter.join();
    let sums = this.#sums.get(name);
    if (!sums) {
      sums = this.#sumUp(filter);
      this.#sums.set(name, sums);
    }
    return sums.get(seq);
  }

  digestOf(version: Version): { bucket: number; item: bigint } {
    let known = this.#digests.get(version);
    if (!known) {
      const [park, driver] = version.key.split('/') as [string, string];
      const [lo, hi] = keyHash(park, driver);
      known = { bucket: lo & 255, item: digestItem(lo, hi, BigInt(version.seq)) };
      this.#digests.set(version, known);
    }
    return known;
  }

  #sumUp(filter: Filter): Map<number, number> {
    const live = new Map<string, number>();
    const sums = new Map([[0, 0]]);
    let sum = 0;
    for (const { seq, versions } of this.#commits) {
      for (const version of versions[this.kind]) {
        sum = sumWithout(sum, live.get(version.key) ?? 0);
        const item = isGone(version, filter) ? 0 : itemOf(version.key, version.seq, version.value);
        live.set(version.key, item);
        sum = sumWith(sum, item);
      }
      sums.set(seq, sum);
    }
    return sums;
  }

  /** How many versions have numbers up to `seq`. */
  #place(seq: number): number {
    let low = 0;
    let high = this.versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.versions[middle]!.seq <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
