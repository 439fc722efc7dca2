import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Copy } from '../../consumer/copy.ts';
import { Key } from '../../consumer/hash.ts';
import { Inspector } from '../../consumer/inspector.ts';
import { bitsOf, regionIn, rowOf, WORDS } from '../../consumer/key-index.ts';
import { CHUNK_ROWS, checksumOf, I32, newChunk, ROW_BYTES, U8 } from '../../consumer/rows.ts';
import { DriverIdRecordSchema } from '../../gen/deptrans/v1/records_pb.ts';

const ROWS = 30_000;
/** More than are inspected at each heartbeat. */
const SOME = 9_000;
const PARTS = 8;

function filled(count = ROWS): Copy {
  const copy = new Copy();
  for (let i = 1; i <= count; i++) put(copy, i);
  return copy;
}

/** The record of a driver. In a copy that nothing was taken out of, its row has the same number. */
function put(copy: Copy, i: number, person = `person-${i}`): void {
  const record = { parkId: 'park', driverId: `driver-${i}`, driverLicensePdId: person, seq: BigInt(i) };
  const bytes = toBinary(DriverIdRecordSchema, create(DriverIdRecordSchema, record));
  copy.put('ids', bytes, 0, bytes.length);
}

function damage(copy: Copy, row: number): void {
  copy.rows.chunk(row).bytes[(row & (CHUNK_ROWS - 1)) * ROW_BYTES + U8.text + 9]! ^= 4;
}

const sweepAll = (inspector: Inspector) => {
  for (let i = 0; i < PARTS; i++) inspector.sweep(PARTS);
};

test('one sweep over a large copy finds every damaged row, first and last, and takes it out of the digest', () => {
  const copy = filled();
  const inspector = new Inspector(copy);
  sweepAll(inspector);
  expect(inspector.damaged).toBe(0);
  for (const row of [1, 8_191, 8_192, 17_000, ROWS]) damage(copy, row);
  sweepAll(inspector);
  expect([inspector.damaged, copy.digests.ids.count, copy.rows.count]).toEqual([5, ROWS - 5, ROWS - 5]);
  expect([1, 8_192, ROWS].map((row) => copy.rows.isUsed(row))).toEqual([false, false, false]);
});

test('damage in many buckets is found at once', () => {
  const copy = filled();
  const inspector = new Inspector(copy);
  for (let row = 3; row <= ROWS; row += 100) damage(copy, row);
  inspector.sweep(PARTS);
  expect([inspector.damaged, copy.rows.count]).toEqual([300, ROWS - 300]);
});

/** The copy's records by key, with what a check reads of each in the index. */
function told(copy: Copy): Map<string, string> {
  const { index, rows } = copy;
  const key = new Key();
  const all = new Map<string, string>();
  for (let i = 1; i <= SOME; i++) {
    key.set('park', `driver-${i}`);
    const entry = copy.entryOf(key);
    if (entry === -1) continue;
    const row = rowOf(index.table[entry + 3]!);
    const words = [bitsOf(index.table[entry + 3]!), index.table[entry + 2], regionIn(index.table[entry + 4]!)];
    all.set(
      `driver-${i}`,
      `${copy.texts.idPerson(row, rows.chunk(row), (row & (CHUNK_ROWS - 1)) * ROW_BYTES)} ${words}`,
    );
  }
  return all;
}

/** As the next comparison with the service does: what is missing comes again. */
function mend(copy: Copy, before: ReadonlyMap<string, string>): number {
  const now = told(copy);
  const missing = [...before.keys()].filter((driver) => !now.has(driver)).map((driver) => Number(driver.slice(7)));
  for (const i of missing) put(copy, i);
  return missing.length;
}

const flip = (copy: Copy, row: number, word: number, bits: number) => {
  copy.index.table[copy.index.search(row) + word]! ^= bits;
};
const spoils: Record<string, (copy: Copy, row: number) => void> = {
  'the low lane of the hash': (copy, row) => flip(copy, row, 0, 1 << 9),
  'the high lane of the hash': (copy, row) => flip(copy, row, 1, 1 << 30),
  'the end of the shift': (copy, row) => flip(copy, row, 2, 4),
  'the row, to one of somebody else': (copy, row) => flip(copy, row, 3, 1),
  'the row, to one that is not': (copy, row) => flip(copy, row, 3, 1 << 22),
  'what is known of the id': (copy, row) => flip(copy, row, 3, 1 << 26),
  'the region': (copy, row) => flip(copy, row, 4, 1 << 17),
  'the share': (copy, row) => flip(copy, row, 4, 1 << 3),
  'an entry that is gone': (copy, row) => {
    const at = copy.index.search(row);
    copy.index.table.fill(0, at, at + WORDS);
  },
};

test.each(Object.entries(spoils))('in the index of a large copy %s is found by one sweep', (_, spoil) => {
  const copy = filled(SOME);
  const inspector = new Inspector(copy);
  const before = told(copy);
  sweepAll(inspector);
  expect(inspector.damaged).toBe(0);
  const damaged = [1, 4_999, 8_192, SOME];
  for (const row of damaged) spoil(copy, row);
  sweepAll(inspector);
  const found = inspector.damaged;
  // Behind an entry that is gone others may not be found any more.
  expect(found).toBeGreaterThanOrEqual(damaged.length);
  expect(found).toBeLessThan(damaged.length * 3);
  expect(copy.digests.ids.count).toBe(SOME - found);
  expect(mend(copy, before)).toBe(found);
  expect(told(copy)).toEqual(before);
  expect(copy.index.collisions).toBe(0);
  sweepAll(inspector);
  expect([inspector.damaged, copy.rows.count]).toEqual([found, SOME]);
});

test('a whole stretch of the index that is lost is found by one sweep', () => {
  const copy = filled(SOME);
  const inspector = new Inspector(copy);
  const before = told(copy);
  copy.index.table.fill(0x5a5a5a5a, 20_000, 40_000);
  sweepAll(inspector);
  expect(inspector.damaged).toBeGreaterThan(1_000);
  expect(mend(copy, before)).toBe(inspector.damaged);
  expect(told(copy)).toEqual(before);
});

test('texts that are kept aside are found too', () => {
  const copy = filled(SOME);
  const inspector = new Inspector(copy);
  const long = 'p'.repeat(200);
  for (const i of [5, 9_000]) put(copy, i, long);
  sweepAll(inspector);
  expect([inspector.damaged, copy.texts.aside.size]).toEqual([0, 2]);
  copy.texts.aside.get(9_000)!.idPerson = `${long.slice(1)}q`;
  sweepAll(inspector);
  expect([inspector.damaged, copy.texts.aside.size]).toEqual([1, 1]);
});

test('the index fits its sums whatever has been added, changed, grown and taken out', () => {
  const copy = filled(SOME);
  for (let i = 1; i <= SOME; i += 3) copy.drop('ids', i);
  for (let i = 1; i <= SOME; i += 6) put(copy, i);
  const { index } = copy;
  for (let block = 0; block < index.blocks; block++) expect(index.isSound(block), `block ${block}`).toBe(true);
  copy.clear();
  for (let block = 0; block < index.blocks; block++) expect(index.isSound(block)).toBe(true);
});

test('any flipped bit of a row changes its checksum', () => {
  const chunk = newChunk();
  for (let i = 0; i < ROW_BYTES; i++) chunk.bytes[ROW_BYTES + i] = (i * 37) % 251;
  const whole = checksumOf(chunk, 1);
  for (let bit = 0; bit < ROW_BYTES * 8; bit++) {
    if (bit >> 5 === I32.checksum) continue;
    chunk.bytes[ROW_BYTES + (bit >> 3)]! ^= 1 << (bit & 7);
    expect(checksumOf(chunk, 1)).not.toBe(whole);
    chunk.bytes[ROW_BYTES + (bit >> 3)]! ^= 1 << (bit & 7);
  }
});
