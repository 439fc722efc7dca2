import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Digest } from '../../consumer/digest.ts';
import { itemLane, Key, SEED_HI, SEED_LO } from '../../consumer/hash.ts';
import { KeyIndex, rowOf } from '../../consumer/key-index.ts';
import { digestItem, digestOf, keyHash } from '../support/feed/murmur.ts';
import { openRandom } from '../support/feed/random.ts';

test('keys hash as the contract says, from strings and from bytes', () => {
  const key = new Key();
  const text = fc.oneof(fc.string({ maxLength: 70 }), fc.string({ unit: 'grapheme', maxLength: 200 }));
  fc.assert(
    fc.property(text, text, (park, driver) => {
      key.set(park, driver);
      expect([key.lo >>> 0, key.hi >>> 0]).toEqual(keyHash(park, driver));
      for (const name of [park, park.slice(0, park.length & ~3)]) {
        key.setHash(name, driver);
        expect([key.lo >>> 0, key.hi >>> 0]).toEqual(keyHash(name, driver));
      }
      const [parkBytes, driverBytes] = [Buffer.from(park), Buffer.from(driver)];
      const message = Buffer.concat([Buffer.from('xyz'), driverBytes, parkBytes]);
      key.take(message, 3 + driverBytes.length, parkBytes.length, 3, driverBytes.length);
      expect([key.lo >>> 0, key.hi >>> 0]).toEqual(keyHash(park, driver));
      expect(key.text()).toEqual({ parkId: parkBytes.toString(), driverId: driverBytes.toString() });
    }),
    { seed: 1 },
  );
});

test.each([
  { park: '', driver: '', seq: 1n, lo: 0x514e28b7, hi: 0x2933bea8, item: 0xa1a88a83f736853fn },
  { park: 'p', driver: 'd', seq: 2n, lo: 0xe53a5234, hi: 0x19738355, item: 0x0e09624f854d5a89n },
  {
    park: 'парк',
    driver: 'водитель',
    seq: 9007199254740991n,
    lo: 0xe1a1bf28,
    hi: 0x4736497f,
    item: 0x19f8da1ef9512d0en,
  },
])('test vector $park / $driver', ({ park, driver, seq, lo, hi, item }) => {
  const key = new Key();
  key.set(park, driver);
  expect([key.lo >>> 0, key.hi >>> 0]).toEqual([lo, hi]);
  const lane = (seed: number) =>
    BigInt(itemLane(key.lo, key.hi, Number(seq) >>> 0, Math.floor(Number(seq) / 2 ** 32), seed) >>> 0);
  expect(lane(SEED_LO) | (lane(SEED_HI) << 32n)).toBe(item);
  expect(digestItem(lo, hi, seq)).toBe(item);
});

test('a digest that was kept up equals one made at once, and tells which buckets differ', () => {
  const digest = new Digest();
  const random = openRandom(5);
  const key = new Key();
  const held = new Map<string, bigint>();
  for (let seq = 2 ** 33; seq < 2 ** 33 + 4_000; seq++) {
    const driverId = `d${random.int(700)}`;
    key.set('p', driverId);
    const before = held.get(driverId);
    if (before) digest.remove(key.lo, key.hi, Number(before));
    held.delete(driverId);
    if (random.chance(0.2)) continue;
    digest.add(key.lo, key.hi, seq);
    held.set(driverId, BigInt(seq));
  }
  const told = digestOf([...held].map(([driverId, seq]) => ({ parkId: 'p', driverId, seq })));
  const [sums, counts] = [Buffer.from(told.sums, 'hex'), Buffer.from(told.counts, 'hex')];
  expect(digest.count).toBe(held.size);
  expect(digest.differing(sums, counts)).toEqual([]);
  sums[17 * 8]! ^= 1;
  counts[200 * 4]! ^= 1;
  expect(digest.differing(sums, counts)).toEqual([17, 200]);
  expect(digest.differing(sums.subarray(1), counts)).toBeNull();
});

test('the index finds what is in it, whatever came and went, keys of one hash among it', () => {
  const index = new KeyIndex();
  const random = openRandom(8);
  const rows = new Map<number, { lo: number; hi: number }>();
  for (let row = 1; row <= 6_000; row++) {
    // Few hashes: long chains, and many keys that share one.
    const hash = { lo: random.int(40), hi: random.int(60) * 1_024 + random.int(3) };
    index.add(hash.lo, hash.hi, row);
    rows.set(row, hash);
    if (random.chance(0.6)) {
      const gone = [...rows.keys()][random.int(rows.size)]!;
      const { lo, hi } = rows.get(gone)!;
      index.remove(index.findRow(lo, hi, (other) => other === gone));
      rows.delete(gone);
    }
  }
  for (const [row, { lo, hi }] of rows) {
    const at = index.findRow(lo, hi, (other) => other === row);
    expect(rowOf(index.table[at + 3]!)).toBe(row);
    expect(index.search(row)).toBe(at);
  }
  const hashes = new Set([...rows.values()].map(({ lo, hi }) => `${lo} ${hi}`));
  expect(index.collisions).toBe(rows.size - hashes.size);
  expect(index.find(41, 0)).toBe(-1);
});
