import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openDigest } from '../../src/feed/digest.ts';
import { openKeyEncoder } from '../../src/feed/key-encoder.ts';
import { hashItem, murmur3, newLanes } from '../../src/feed/key-hash.ts';
import { viewOf } from '../../src/feed/text-in-place.ts';
import { digestItem, digestOf, keyHash, murmur3 as plainMurmur3 } from '../support/feed/murmur.ts';

/** The test vectors of the digest, for whoever writes it in another language. */
const VECTORS = [
  { park: '', driver: '', seq: 1n, lo: 0x514e28b7, hi: 0x2933bea8, item: 0xa1a88a83f736853fn },
  { park: 'p', driver: 'd', seq: 2n, lo: 0xe53a5234, hi: 0x19738355, item: 0x0e09624f854d5a89n },
  {
    park: '7ad36bc7560449998acbe2c57a75c293',
    driver: 'ee5e9cb3ab8c4a7f9f4b4b9c2b3d1a01',
    seq: 4294967298n,
    lo: 0x56067b94,
    hi: 0x4be8ed30,
    item: 0x857b32def81b412an,
  },
  {
    park: 'парк',
    driver: 'водитель',
    seq: 9007199254740991n,
    lo: 0xe1a1bf28,
    hi: 0x4736497f,
    item: 0x19f8da1ef9512d0en,
  },
];

test.each([
  // Published vectors of MurmurHash3_x86_32.
  ['', 0, 0],
  ['', 1, 0x514e28b7],
  ['', 0xffffffff, 0x81f16f39],
  ['test', 0, 0xba6bd213],
  ['test', 0x9747b28c, 0x704b81dc],
  ['Hello, world!', 0, 0xc0363e43],
  ['Hello, world!', 0x9747b28c, 0x24884cba],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
])('murmur3 of %j with seed %i', (text, seed, hash) => {
  const bytes = Buffer.from(text);
  const lanes = newLanes();
  murmur3(viewOf(bytes), 0, bytes.length, lanes, seed, seed);
  expect(lanes).toEqual({ lo: hash, hi: hash });
  expect(plainMurmur3(bytes, seed)).toBe(hash);
});

test('any bytes hash as the plain form says', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(0xffffffff), fc.nat(0xffffffff), (bytes, one, other) => {
      const lanes = newLanes();
      murmur3(viewOf(bytes), 0, bytes.length, lanes, one, other);
      expect(lanes).toEqual({ lo: plainMurmur3(bytes, one), hi: plainMurmur3(bytes, other) });
    }),
    { seed: 1 },
  );
});

describe('keys', () => {
  test('hash as the plain form says, park and driver told apart', () => {
    const encoder = openKeyEncoder();
    fc.assert(
      fc.property(fc.string({ maxLength: 70 }), fc.string({ unit: 'grapheme', maxLength: 70 }), (park, driver) => {
        encoder.set(park, driver);
        expect([encoder.lo, encoder.hi]).toEqual(keyHash(park, driver));
      }),
      { seed: 1 },
    );
    expect(keyHash('ab', 'c')).not.toEqual(keyHash('a', 'bc'));
  });

  test.each(VECTORS)('vector $park / $driver', ({ park, driver, seq, lo, hi, item }) => {
    const encoder = openKeyEncoder();
    encoder.set(park, driver);
    expect([encoder.lo, encoder.hi]).toEqual([lo, hi]);
    expect(digestItem(lo, hi, seq)).toBe(item);
  });
});

test('an item is the hash of the key and the seq, also beyond 32 bits', () => {
  for (const seq of [1, 4_294_967_295, 4_294_967_296, Number.MAX_SAFE_INTEGER]) {
    const [lo, hi] = keyHash('p', 'd');
    const item = newLanes();
    hashItem(lo, hi, seq, item);
    expect(BigInt(item.lo) | (BigInt(item.hi) << 32n)).toBe(digestItem(lo, hi, BigInt(seq)));
  }
});

test('a digest that was kept up equals one made at once', () => {
  const digest = openDigest();
  const records = new Map<string, { parkId: string; driverId: string; seq: bigint }>();
  const encoder = openKeyEncoder();
  for (let seq = 1; seq <= 5_000; seq++) {
    const driverId = `d${(seq * 7_919) % 900}`;
    encoder.set('p', driverId);
    const known = records.get(driverId);
    if (known) digest.remove(encoder.lo, encoder.hi, Number(known.seq));
    records.delete(driverId);
    if (seq % 5 === 0) continue;
    digest.add(encoder.lo, encoder.hi, seq);
    records.set(driverId, { parkId: 'p', driverId, seq: BigInt(seq) });
  }
  const { sums, counts } = digest.bytes();
  const bytes = { sums: Buffer.from(sums).toString('hex'), counts: Buffer.from(counts).toString('hex') };
  expect(bytes).toEqual(digestOf(records.values()));
  expect(digest.count).toBe(records.size);
});
