import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Copy } from '../../consumer/copy.ts';
import { Inspector } from '../../consumer/inspector.ts';
import { CHUNK_ROWS, checksumOf, I32, newChunk, ROW_BYTES, U8 } from '../../consumer/rows.ts';
import { DriverIdRecordSchema } from '../../gen/deptrans/v1/records_pb.ts';

const ROWS = 30_000;
const PARTS = 8;

function filled(): Copy {
  const copy = new Copy();
  for (let i = 1; i <= ROWS; i++) {
    const record = { parkId: 'park', driverId: `driver-${i}`, driverLicensePdId: `person-${i}`, seq: BigInt(i) };
    const bytes = toBinary(DriverIdRecordSchema, create(DriverIdRecordSchema, record));
    copy.put('ids', bytes, 0, bytes.length);
  }
  return copy;
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
