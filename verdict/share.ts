/** Everybody, in the unit of shares. */
export const EVERYBODY = 10_000;

/**
 * Where a person stands in a roll-out: 0 to 9,999, the same everywhere and for ever. A rule with the share n takes those below n, so who is taken
 * at 10 % stays taken at 20 %.
 *
 * MurmurHash3_x86_32 with the seed 0 over the UTF-8 of the token, unsigned, modulo 10,000 (Austin Appleby's algorithm, as in the feed's digest).
 */
export function shareOf(person: string): number {
  const bytes = Buffer.from(person);
  return shareOfBytes(bytes, 0, bytes.length);
}

/** The same of a token that lies in UTF-8 among other bytes. */
export function shareOfBytes(bytes: Uint8Array, at: number, length: number): number {
  const end = at + length;
  let i = at;
  let h = 0;
  for (; i + 4 <= end; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    h = (Math.imul(rotated(h ^ scrambled(word), 13), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let j = end - 1; j >= i; j--) rest = (rest << 8) | bytes[j]!;
  if (i < end) h ^= scrambled(rest);
  h ^= length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) % EVERYBODY;
}

function scrambled(word: number): number {
  return Math.imul(rotated(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
