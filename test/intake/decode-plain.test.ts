import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { readPlainEvent } from '../../src/intake/decode-plain.ts';

const written = (fields: object) =>
  toBinary(
    ContractorStatusEventSchema,
    create(ContractorStatusEventSchema, { parkId: 'park', driverId: 'driver', ...fields }),
  );
const eventAt = { seconds: 1_763_900_000n, nanos: 123_000_000 };

test('what writers write is read', () => {
  const unknown = Buffer.from([
    0x78, 0x96, 0x01, 0x7a, 0x02, 0xff, 0xfe, 0x7d, 1, 2, 3, 4, 0x79, 1, 2, 3, 4, 5, 6, 7, 8,
  ]);
  const read = {
    parkId: 'park',
    driverId: 'driver',
    status: 2,
    seconds: 1_763_900_000,
    nanos: 123_000_000,
    hasTime: true,
  };
  expect(readPlainEvent(written({ status: 2, eventAt }))).toEqual(read);
  expect(readPlainEvent(Buffer.concat([unknown, written({ status: 2, eventAt }), unknown]))).toEqual(read);
});

test.each([
  ['a text beyond ASCII', written({ parkId: 'Парк' })],
  ['a negative number', written({ status: -1 })],
  ['a group', Buffer.from([0x7b, 0x7c])],
  ['a known field of another kind', Buffer.from([0x08, 0x01])],
  ['a second time', Buffer.concat([written({ eventAt }), written({ eventAt })])],
  ['bytes that break off', written({ eventAt }).subarray(0, -1)],
])('%s is left to the general reader', (_, bytes) => {
  expect(readPlainEvent(bytes)).toBeNull();
});

test('whatever it reads, the general reader reads the same', () => {
  const field = fc.oneof(
    fc.string({ maxLength: 70 }).map((parkId) => written({ parkId })),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map((status) => written({ status })),
    fc
      .record({ seconds: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), nanos: fc.integer() })
      .map((time) => written({ eventAt: time })),
    fc.uint8Array({ maxLength: 12 }),
  );
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 });
  let read = 0;
  fc.assert(
    fc.property(fc.array(field, { maxLength: 4 }), flips, (fields, changes) => {
      const bytes = Buffer.concat(fields);
      if (bytes.length > 0) for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      const plain = readPlainEvent(bytes);
      if (!plain) return;
      read += 1;
      const { parkId, driverId, status, eventAt: time } = fromBinary(ContractorStatusEventSchema, bytes);
      const { seconds = 0n, nanos = 0 } = time ?? {};
      expect(plain).toEqual({ parkId, driverId, status, seconds: Number(seconds), nanos, hasTime: time !== undefined });
    }),
    { numRuns: 3_000, seed: 1 },
  );
  expect(read).toBeGreaterThan(300);
});
