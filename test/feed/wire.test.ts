import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeartbeatSchema } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { SessionRecordSchema } from '../../gen/deptrans/v1/records_pb.ts';
import { openWriter, reserve, varintSize, writeNumber, writeTimestamp, writeVarint } from '../../src/feed/wire.ts';

const written = (write: (writer: ReturnType<typeof openWriter>) => void) => {
  const writer = openWriter(64);
  write(writer);
  return writer.bytes.subarray(0, writer.at);
};

test('integers are read back, and their size is known', () => {
  const edges = [0, 1, 127, 128, 16_383, 16_384, 2 ** 28 - 1, 2 ** 28, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER];
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeNat(), fc.constantFrom(...edges)), (value) => {
      const bytes = written((writer) => writeNumber(writer, 1, value));
      expect(fromBinary(HeartbeatSchema, bytes).throughSeq).toBe(BigInt(value));
      expect(varintSize(value)).toBe(written((writer) => writeVarint(writer, value)).length);
    }),
    { seed: 1 },
  );
});

test.each([
  [0, 0n, 0],
  [1, 0n, 1_000],
  [1_783_958_400_123_456, 1_783_958_400n, 123_456_000],
  [-1, -1n, 999_999_000],
  [-62_135_596_800_000_000, -62_135_596_800n, 0],
  [253_402_300_799_000_000, 253_402_300_799n, 0],
])('%d µs is a timestamp of %s s and %d ns', (micros, seconds, nanos) => {
  const record = fromBinary(
    SessionRecordSchema,
    written((writer) => writeTimestamp(writer, 7, micros)),
  );
  expect(record.endedAt).toMatchObject({ seconds, nanos });
});

test('room is made without losing what was written', () => {
  const writer = openWriter(2);
  writeVarint(writer, 300);
  reserve(writer, 100);
  writeVarint(writer, 5);
  expect([...writer.bytes.subarray(0, writer.at)]).toEqual([0xac, 0x02, 5]);
});
