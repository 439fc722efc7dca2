/**
 * The hash of a key and of a version, the same in every language that checks a digest.
 *
 *   key     = UTF-8 of park_id, one zero byte, UTF-8 of driver_id
 *   lo, hi  = MurmurHash3_x86_32(key, seed) with the seeds 0x00000000 and 0x9747b28c
 *   item    = the same two lanes over 16 bytes: lo, hi, seq mod 2^32, seq div 2^32, each a little-endian 32-bit word
 *
 * A digest has 256 buckets; the record falls into bucket `lo mod 256`, whose sum grows by `item lo + 2^32 × item hi` modulo 2^64.
 */
export const SEED_LO = 0;
export const SEED_HI = 0x9747b28c;

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/** MurmurHash3_x86_32 of `bytes[from, to)`, unsigned. */
export function murmur3(bytes: Uint8Array, from: number, to: number, seed: number): number {
  let h = seed | 0;
  const length = to - from;
  const tail = to - (length & 3);
  for (let i = from; i < tail; i += 4) {
    h = mix(h, bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
  }
  if (length & 3) {
    let k = bytes[tail]!;
    if ((length & 3) > 1) k |= bytes[tail + 1]! << 8;
    if ((length & 3) > 2) k |= bytes[tail + 2]! << 16;
    h ^= scramble(k);
  }
  return finish(h, length);
}

/** One lane of a version's item: MurmurHash3_x86_32 of four words, unsigned. */
export function itemLane(lo: number, hi: number, seq: number, seed: number): number {
  const high = Math.floor(seq / 0x1_0000_0000);
  const words = mix(mix(mix(mix(seed | 0, lo), hi), seq >>> 0), high);
  return finish(words, 16);
}

function mix(h: number, k: number): number {
  const mixed = h ^ scramble(k);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function scramble(k: number): number {
  const scaled = Math.imul(k, C1);
  return Math.imul((scaled << 15) | (scaled >>> 17), C2);
}

function finish(hash: number, length: number): number {
  let h = hash ^ length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
