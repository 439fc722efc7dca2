import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Cursor, decodeCursor, encodeCursor, filterHash, resetReason } from '../../src/domain/cursor.ts';

const EPOCH = '0123456789abcdef';
const cursor: Cursor = { epoch: EPOCH, seq: 4_503_599_627_370_497, filter: filterHash('statuses', ['moscow']) };

test('a cursor has a fixed form', () => {
  expect(Buffer.from(encodeCursor({ epoch: EPOCH, seq: 258, filter: filterHash('ids', []) })).toString('hex')).toBe(
    '010123456789abcdef000000000000010270daa79813addf0e',
  );
});

test('what is encoded is decoded again', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9a-f]{16}$/), fc.maxSafeNat(), fc.nat(0xffffffff), (epoch, seq, filter) => {
      expect(decodeCursor(encodeCursor({ epoch, seq, filter }))).toEqual({ epoch, seq, filter });
    }),
    { seed: 1 },
  );
});

test('every other input is refused', () => {
  const good = encodeCursor(cursor);
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bad = Uint8Array.from(good);
    bad[bit >> 3]! ^= 1 << (bit & 7);
    expect(decodeCursor(bad)).toBeNull();
  }
  for (let length = 0; length < good.length; length++) expect(decodeCursor(good.subarray(0, length))).toBeNull();
  expect(decodeCursor(Buffer.concat([good, Buffer.from([0])]))).toBeNull();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => decodeCursor(bytes) === null),
    { seed: 1 },
  );
});

test('a number that no seq can have is refused', () => {
  const { filter } = cursor;
  expect(decodeCursor(encodeCursor({ epoch: EPOCH, seq: Number.MAX_SAFE_INTEGER, filter }))).not.toBeNull();
  expect(decodeCursor(encodeCursor({ epoch: EPOCH, seq: Number.MAX_SAFE_INTEGER + 1, filter }))).toBeNull();
});

test('streams and filters have hashes of their own', () => {
  const hashes = [
    filterHash('ids', []),
    filterHash('statuses', []),
    filterHash('statuses', ['a']),
    filterHash('statuses', ['b']),
    filterHash('statuses', ['a', 'b']),
    filterHash('statuses', ['ab']),
  ];
  expect(new Set(hashes).size).toBe(hashes.length);
});

test.each([
  ['the same history and filter', {}, null],
  ['another history', { epoch: 'f'.repeat(16) }, 'epoch'],
  ['another filter', { filter: filterHash('statuses', []) }, 'filter_changed'],
  ['another stream', { filter: filterHash('ids', []) }, 'filter_changed'],
  ['older than the tombstones', { floor: cursor.seq + 1 }, 'cursor_too_old'],
  ['as old as the tombstones', { floor: cursor.seq }, null],
  ['another history, too old there', { epoch: 'f'.repeat(16), floor: cursor.seq + 1 }, 'epoch'],
] as const)('%s', (_name, change, reason) => {
  expect(resetReason(cursor, { epoch: EPOCH, floor: 0, filter: cursor.filter, ...change })).toBe(reason);
});

test('from the very beginning nothing is too old', () => {
  const { filter } = cursor;
  expect(resetReason({ epoch: EPOCH, seq: 0, filter }, { epoch: EPOCH, floor: 7, filter })).toBeNull();
});
