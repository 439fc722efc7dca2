/**
 * The hash of a key and of a version, the same in every language that checks a digest.
 *
 *   key     = UTF-8 of park_id, one zero byte, UTF-8 of driver_id
 *   lo, hi  = MurmurHash3_x86_32(key, seed) with the seeds 0x00000000 and 0x9747b28c
 *   item    = the same two lanes over 16 bytes: lo, hi, seq mod 2^32, seq div 2^32, each a little-endian 32-bit word
 *
 * A digest has 256 buckets; the record falls into bucket `lo mod 256`, whose sum grows by `item lo + 2^32 × item hi` modulo 2^64.
 */
const SEED_LO = 0;
const SEED_HI = 0x9747b28c;

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/** Two 32-bit hashes of the same bytes, which share what does not depend on the seed. */
export type Lanes = { lo: number; hi: number };

export const newLanes = (): Lanes => ({ lo: SEED_LO, hi: SEED_HI });

/** MurmurHash3_x86_32 of the bytes from `from` up to `to` into both lanes, unsigned. */
export function hashKey(bytes: DataView, from: number, to: number, lanes: Lanes): void {
  murmur3(bytes, from, to, lanes, SEED_LO, SEED_HI);
}

/** As `hashKey`, with any seeds. */
export function murmur3(bytes: DataView, from: number, to: number, lanes: Lanes, seedLo: number, seedHi: number): void {
  let lo = seedLo | 0;
  let hi = seedHi | 0;
  const length = to - from;
  const tail = to - (length & 3);
  for (let i = from; i < tail; i += 4) {
    const k = scramble(bytes.getInt32(i, true));
    lo = mix(lo, k);
    hi = mix(hi, k);
  }
  if (length & 3) {
    let k = bytes.getUint8(tail);
    if ((length & 3) > 1) k |= bytes.getUint8(tail + 1) << 8;
    if ((length & 3) > 2) k |= bytes.getUint8(tail + 2) << 16;
    lo ^= scramble(k);
    hi ^= scramble(k);
  }
  lanes.lo = finish(lo, length) >>> 0;
  lanes.hi = finish(hi, length) >>> 0;
}

/** A version's item into both lanes: MurmurHash3_x86_32 of four words, unsigned. */
export function hashItem(keyLo: number, keyHi: number, seq: number, lanes: Lanes): void {
  const k1 = scramble(keyLo | 0);
  const k2 = scramble(keyHi | 0);
  const k3 = scramble(seq >>> 0);
  const k4 = scramble(Math.floor(seq / 0x1_0000_0000));
  lanes.lo = finish(mix(mix(mix(mix(SEED_LO | 0, k1), k2), k3), k4), 16) >>> 0;
  lanes.hi = finish(mix(mix(mix(mix(SEED_HI | 0, k1), k2), k3), k4), 16) >>> 0;
}

function mix(h: number, k: number): number {
  const mixed = h ^ k;
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
  return h ^ (h >>> 16);
}
