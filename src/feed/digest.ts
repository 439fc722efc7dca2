import { hashItem, newLanes } from './key-hash.ts';

/** What a digest looked like at one moment: 256 little-endian 64-bit sums and 256 little-endian 32-bit counts. */
export type DigestBytes = { sums: Uint8Array; counts: Uint8Array };

/**
 * The checksum of a stream's live records, kept up with each change: see key-hash.ts for the arithmetic. It proves that a copy has the
 * same keys in the same versions; it says nothing about a value that was damaged after it arrived.
 */
export type Digest = {
  /** Adds a version: the two lanes of its key's hash, and its seq. */
  add(lo: number, hi: number, seq: number): void;
  /** Takes out what was added before. */
  remove(lo: number, hi: number, seq: number): void;
  /** Live records in all. */
  readonly count: number;
  /** Whether both have the same sum and count of a bucket. */
  equals(other: Digest, bucket: number): boolean;
  /** Of a bucket: the words of the sum, and the count. */
  of(bucket: number): readonly [low: number, high: number, count: number];
  /** A copy. */
  bytes(): DigestBytes;
};

export function openDigest(): Digest {
  const sums = new Uint32Array(512); // pairs: low word, high word
  const counts = new Uint32Array(256);
  const item = newLanes();
  let count = 0;
  return {
    add(lo, hi, seq) {
      hashItem(lo, hi, seq, item);
      const at = (lo & 255) * 2;
      const low = sums[at]! + item.lo;
      sums[at] = low;
      sums[at + 1] = sums[at + 1]! + item.hi + (low > 0xffff_ffff ? 1 : 0);
      counts[lo & 255]! += 1;
      count += 1;
    },
    remove(lo, hi, seq) {
      hashItem(lo, hi, seq, item);
      const at = (lo & 255) * 2;
      const low = sums[at]! - item.lo;
      sums[at] = low;
      sums[at + 1] = sums[at + 1]! - item.hi - (low < 0 ? 1 : 0);
      counts[lo & 255]! -= 1;
      count -= 1;
    },
    get count() {
      return count;
    },
    equals(other, bucket) {
      const [low, high, live] = other.of(bucket);
      return sums[bucket * 2] === low && sums[bucket * 2 + 1] === high && counts[bucket] === live;
    },
    of: (bucket) => [sums[bucket * 2]!, sums[bucket * 2 + 1]!, counts[bucket]!],
    bytes: () => ({ sums: littleEndian(sums), counts: littleEndian(counts) }),
  };
}

function littleEndian(words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < words.length; i++) view.setUint32(i * 4, words[i]!, true);
  return bytes;
}
