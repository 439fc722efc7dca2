import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { decodeMessage, maxMessageBytes } from '../../src/intake/decode.ts';

const event = { parkId: 'park', driverId: 'driver', status: 'busy', eventAtMs: 1_763_900_000_123 };
const eventAt = { seconds: 1_763_900_000n, nanos: 123_999_999 };
const json = (fields: object) =>
  Buffer.from(
    JSON.stringify({
      park_id: 'park',
      driver_id: 'driver',
      status: 'busy',
      event_at: '2025-11-23T12:13:20.123Z',
      ...fields,
    }),
  );
const binary = (fields: object = {}) =>
  toBinary(
    ContractorStatusEventSchema,
    create(ContractorStatusEventSchema, {
      parkId: 'park',
      driverId: 'driver',
      status: ContractorStatus.BUSY,
      eventAt,
      ...fields,
    }),
  );
const deep = `{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`;

test('JSON and binary give the same event, to the millisecond', () => {
  expect(decodeMessage(json({}))).toEqual(event);
  expect(decodeMessage(binary())).toEqual(event);
});

test('fields that nobody knows are passed over', () => {
  expect(decodeMessage(json({ later: { a: [1] }, __proto__: { status: 'x' } }))).toEqual(event);
  expect(decodeMessage(Buffer.concat([binary(), Buffer.from([0x98, 0x06, 0x01])]))).toEqual(event);
});

test.each<[string, Uint8Array | null, string]>([
  ['no value at all', null, 'UNREADABLE'],
  ['an empty value', new Uint8Array(), 'BAD_KEY'],
  ['text', Buffer.from('online'), 'UNREADABLE'],
  ['JSON that breaks off', json({}).subarray(0, -1), 'UNREADABLE'],
  ['JSON with garbage behind it', Buffer.concat([json({}), Buffer.from('x')]), 'UNREADABLE'],
  ['JSON behind a byte-order mark', Buffer.concat([Buffer.from('\ufeff'), json({})]), 'UNREADABLE'],
  ['JSON behind a space', Buffer.concat([Buffer.from(' '), json({})]), 'UNREADABLE'],
  ['a JSON array', Buffer.from('[{"park_id":"p"}]'), 'UNREADABLE'],
  ['JSON that is not UTF-8', Buffer.concat([Buffer.from('{"park_id":"'), Buffer.from([0xff, 0xfe])]), 'UNREADABLE'],
  ['deep JSON', Buffer.from(deep), 'BAD_KEY'],
  ['JSON without a park', json({ park_id: undefined }), 'BAD_KEY'],
  ['JSON with a null driver', json({ driver_id: null }), 'BAD_KEY'],
  ['JSON with a NUL in a key', json({ park_id: 'a\u0000b' }), 'BAD_KEY'],
  ['JSON with half a surrogate pair', Buffer.from('{"park_id":"\\ud800","driver_id":"d"}'), 'BAD_KEY'],
  ['JSON with an object for a key', json({ park_id: { toString: 'x' } }), 'BAD_KEY'],
  ['JSON with a key too long', json({ driver_id: 'x'.repeat(65) }), 'BAD_KEY'],
  ['JSON with an unknown status', json({ status: 'resting' }), 'BAD_STATUS'],
  ['JSON with a status in capitals', json({ status: 'ONLINE' }), 'BAD_STATUS'],
  ['JSON with a number for a status', json({ status: 2 }), 'BAD_STATUS'],
  ['JSON without a time', json({ event_at: undefined }), 'BAD_TIME'],
  ['JSON with seconds for a time', json({ event_at: 1_763_900_000 }), 'BAD_TIME'],
  ['JSON with milliseconds in a text', json({ event_at: '1763900000123' }), 'BAD_TIME'],
  ['JSON with a local time', json({ event_at: '2025-11-23T12:13:20' }), 'BAD_TIME'],
  ['binary that breaks off', binary().subarray(0, -1), 'UNREADABLE'],
  ['binary that is not UTF-8', Buffer.from([0x0a, 0x02, 0xff, 0xfe]), 'UNREADABLE'],
  ['a length beyond the end', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x7f]), 'UNREADABLE'],
  ['an endless varint', Buffer.alloc(40, 0xff), 'UNREADABLE'],
  ['nested groups', Buffer.alloc(60_000, 0x0b), 'UNREADABLE'],
  ['binary without a driver', binary({ driverId: '' }), 'BAD_KEY'],
  ['binary with a control character', binary({ parkId: 'a\tb' }), 'BAD_KEY'],
  ['binary without a status', binary({ status: 0 }), 'BAD_STATUS'],
  ['binary with an unknown status', binary({ status: 77 }), 'BAD_STATUS'],
  ['binary without a time', binary({ eventAt: undefined }), 'BAD_TIME'],
  ['binary with nanoseconds out of range', binary({ eventAt: { seconds: 1n, nanos: 1_000_000_000 } }), 'BAD_TIME'],
  ['binary with negative nanoseconds', binary({ eventAt: { seconds: 1n, nanos: -1 } }), 'BAD_TIME'],
  ['one byte too much', json({ more: 'x'.repeat(maxMessageBytes) }).subarray(0, maxMessageBytes + 1), 'TOO_LARGE'],
])('%s is refused', (_, value, reason) => {
  expect(decodeMessage(value)).toBe(reason);
});

test('a message as long as may be is read', () => {
  const room = maxMessageBytes - json({ more: '' }).length;
  expect(decodeMessage(json({ more: 'x'.repeat(room) }))).toEqual(event);
});

test('seconds out of all range stay numbers, for the window of time to judge', () => {
  const decoded = decodeMessage(binary({ eventAt: { seconds: 9_223_372_036_854_775_807n, nanos: 0 } }));
  expect(decoded).toMatchObject({ eventAtMs: 9_223_372_036_854_776_000_000 });
});

test('no bytes make it throw', () => {
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  for (let round = 0; round < 20_000; round++) {
    const bytes = round % 2 ? Buffer.from(binary()) : json({});
    for (let flips = 0; flips < 3; flips++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    expect(['string', 'object']).toContain(typeof decodeMessage(bytes));
  }
});
