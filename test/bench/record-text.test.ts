import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { differs, idText, sessionText } from '../../bench/feed/record-text.ts';
import type { DriverRecord } from '../../consumer/driver-cache.ts';
import { DriverId_State } from '../../gen/deptrans/v1/driver_id_pb.ts';
import { DriverIdRecordSchema, SessionRecordSchema, SessionStatus } from '../../gen/deptrans/v1/records_pb.ts';

const key = { parkId: 'park', driverId: 'driver' };
const updatedAt = { seconds: 1_700_000_000n, nanos: 123_456_000 };
const updatedAtUs = 1_700_000_000_123_456;

const id = { person: 'person', bound: true, deptransId: '7', state: 'bound', updatedAtUs, seq: 5 } as const;
const session = {
  person: 'person',
  status: 'online',
  raw: '',
  updatedAtUs,
  endedAtUs: null,
  endIsEstimate: false,
  region: 'moscow',
  seq: 6,
} as const;
const record: DriverRecord = { ...key, id, session };

const texts = ({ key: name, text }: { key: string; text: string | null }) =>
  new Map(text === null ? [] : [[name, text]]);

const ids = texts(
  idText(
    create(DriverIdRecordSchema, {
      ...key,
      driverLicensePdId: 'person',
      bound: true,
      deptransId: '7',
      state: DriverId_State.BOUND,
      updatedAt,
      seq: 5n,
    }),
  ),
);
const sessions = texts(
  sessionText(
    create(SessionRecordSchema, {
      ...key,
      driverLicensePdId: 'person',
      sessionStatus: SessionStatus.ONLINE,
      updatedAt,
      region: 'moscow',
      seq: 6n,
    }),
  ),
);

test('a copy that has what the service tells does not differ from it', () => {
  expect(differs([record], ids, sessions)).toBe(0);
});

test.each([
  ['a value', [{ ...record, session: { ...session, region: 'omsk' } }], 2],
  ['a number', [{ ...record, id: { ...id, seq: 4 } }], 2],
  ['a record that is missing', [{ ...record, session: null }], 1],
  ['everything', [], 2],
  ['a profile that the service does not have', [record, { ...record, driverId: 'other' }], 2],
] as const)('%s makes a difference', (_, copy, count) => {
  expect(differs(copy, ids, sessions)).toBe(count);
});

test('a record of a key that is gone has no text', () => {
  expect(idText(create(DriverIdRecordSchema, { ...key, deleted: true, seq: 9n })).text).toBeNull();
  expect(sessionText(create(SessionRecordSchema, { ...key, deleted: true, seq: 9n })).text).toBeNull();
});
