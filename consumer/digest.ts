import { itemLane, SEED_HI, SEED_LO } from './hash.ts';

export const BUCKETS = 256;

/** The bucket of a key, from the low lane of its hash. */
export const bucketOf = (lo: number): number => lo & 255;

/**
 * The checksum of one kind's live records, kept up with each change: 256 sums modulo 2^64 and as many counts. Equal to the service's if both
 * hold the same keys in the same versions.
 */
export class Digest {
  readonly #sums = new Uint32Array(BUCKETS * 2); // pairs: low word, high word
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;

  /** Live records in all. */
  get count(): number {
    return this.#count;
  }

  add(lo: number, hi: number, seq: number): void {
    const at = bucketOf(lo) * 2;
    const high = Math.floor(seq / 0x1_0000_0000);
    const low = this.#sums[at]! + (itemLane(lo, hi, seq >>> 0, high, SEED_LO) >>> 0);
    this.#sums[at] = low;
    this.#sums[at + 1]! += (itemLane(lo, hi, seq >>> 0, high, SEED_HI) >>> 0) + (low > 0xffff_ffff ? 1 : 0);
    this.#counts[at >> 1]! += 1;
    this.#count += 1;
  }

  /** Takes out what was added before. */
  remove(lo: number, hi: number, seq: number): void {
    const at = bucketOf(lo) * 2;
    const high = Math.floor(seq / 0x1_0000_0000);
    const low = this.#sums[at]! - (itemLane(lo, hi, seq >>> 0, high, SEED_LO) >>> 0);
    this.#sums[at] = low;
    this.#sums[at + 1]! -= (itemLane(lo, hi, seq >>> 0, high, SEED_HI) >>> 0) + (low < 0 ? 1 : 0);
    this.#counts[at >> 1]! -= 1;
    this.#count -= 1;
  }

  /** Takes a bucket over from another digest, which was made anew from the rows. */
  copyBucket(bucket: number, from: Digest): void {
    this.#count += from.#counts[bucket]! - this.#counts[bucket]!;
    this.#counts[bucket] = from.#counts[bucket]!;
    this.#sums[bucket * 2] = from.#sums[bucket * 2]!;
    this.#sums[bucket * 2 + 1] = from.#sums[bucket * 2 + 1]!;
  }

  equalsBucket(bucket: number, other: Digest): boolean {
    return (
      this.#counts[bucket] === other.#counts[bucket] &&
      this.#sums[bucket * 2] === other.#sums[bucket * 2] &&
      this.#sums[bucket * 2 + 1] === other.#sums[bucket * 2 + 1]
    );
  }

  /** The buckets that differ from a digest as the contract words it; null if it is none. */
  differing(sums: Uint8Array, counts: Uint8Array): number[] | null {
    if (sums.length !== BUCKETS * 8 || counts.length !== BUCKETS * 4) return null;
    const theirSums = new DataView(sums.buffer, sums.byteOffset, sums.length);
    const theirCounts = new DataView(counts.buffer, counts.byteOffset, counts.length);
    const buckets: number[] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (
        theirCounts.getUint32(bucket * 4, true) !== this.#counts[bucket] ||
        theirSums.getUint32(bucket * 8, true) !== this.#sums[bucket * 2] ||
        theirSums.getUint32(bucket * 8 + 4, true) !== this.#sums[bucket * 2 + 1]
      ) {
        buckets.push(bucket);
      }
    }
    return buckets;
  }

  clear(): void {
    this.#sums.fill(0);
    this.#counts.fill(0);
    this.#count = 0;
  }
}
