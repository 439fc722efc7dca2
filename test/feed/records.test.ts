import { create, fromBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { DriverId_State } from '../../gen/deptrans/v1/driver_id_pb.ts';
import { IdChangesSchema, StatusChangesSchema } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { DriverIdRecordSchema, SessionRecordSchema, SessionStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { CHANGES_RECORDS } from '../../src/feed/frames.ts';
import { Image } from '../../src/feed/image.ts';
import { type Filter, writeRecord } from '../../src/feed/records.ts';
import { openWriter } from '../../src/feed/wire.ts';
import { bindingRow, profileRow, sessionRow } from '../support/feed/rows.ts';

function idRecord(image: Image, no: number) {
  const writer = openWriter(1);
  writeRecord(writer, CHANGES_RECORDS, image, 'ids', no, null);
  return fromBinary(IdChangesSchema, writer.bytes.subarray(0, writer.at)).records[0];
}

function statusRecord(image: Image, no: number, filter: Filter = null) {
  const writer = openWriter(1);
  writeRecord(writer, CHANGES_RECORDS, image, 'statuses', no, filter);
  return fromBinary(StatusChangesSchema, writer.bytes.subarray(0, writer.at)).records[0];
}

function imageOf(...rows: { profile?: Parameters<typeof profileRow>; binding?: object; session?: object }[]): Image {
  const image = new Image();
  for (const { profile, binding, session } of rows) {
    if (profile) image.putProfile(profileRow(...profile));
    if (binding) image.putBinding(bindingRow(1, 2, binding));
    if (session) image.putSession(sessionRow(1, 3, session));
  }
  return image;
}

const key = { parkId: 'park', driverId: 'driver-7' };
const token = { driverLicensePdId: 'person-1' };

test('an id, bound and not', () => {
  const record = { ...key, ...token, updatedAt: timestampFromMs(1_000) };
  expect(idRecord(imageOf({ profile: [7, 1, 1], binding: {} }), 7)).toEqual(
    create(DriverIdRecordSchema, { ...record, bound: true, deptransId: '1', seq: 2n, state: DriverId_State.BOUND }),
  );
  expect(idRecord(imageOf({ profile: [7, 9, 1], binding: { deptrans_id: null, state: 'unbound' } }), 7)).toEqual(
    create(DriverIdRecordSchema, { ...record, seq: 9n, state: DriverId_State.NOT_BOUND }),
  );
  expect(idRecord(imageOf({ profile: [7, 1, 1] }), 7)).toEqual(
    create(DriverIdRecordSchema, { ...key, ...token, seq: 1n }),
  );
  expect(idRecord(imageOf({ profile: [7, 1, null] }), 7)).toEqual(create(DriverIdRecordSchema, { ...key, seq: 1n }));
});

test.each([
  ['recheck', DriverId_State.RECHECK_NEEDED],
  ['rejected', DriverId_State.REJECTED],
] as const)('a binding that is %s says so', (state, expected) => {
  expect(idRecord(imageOf({ profile: [7, 1, 1], binding: { state } }), 7)).toMatchObject({ state: expected });
});

test('a profile that is gone says nothing but that', () => {
  const image = imageOf({ profile: [7, 1, 1], binding: {}, session: {} }, { profile: [7, 8, 1, { deleted: true }] });
  expect(idRecord(image, 7)).toEqual(create(DriverIdRecordSchema, { ...key, seq: 8n, deleted: true }));
  expect(statusRecord(image, 7)).toEqual(create(SessionRecordSchema, { ...key, seq: 8n, deleted: true }));
});

test('a shift with all it can have', () => {
  const image = imageOf({
    profile: [7, 1, 1],
    session: { session_status: 'unrecognised', session_status_raw: 'ПАУЗА', end_is_estimate: true },
  });
  expect(statusRecord(image, 7)).toEqual(
    create(SessionRecordSchema, {
      ...key,
      ...token,
      sessionStatus: SessionStatus.UNRECOGNISED,
      sessionStatusRaw: 'ПАУЗА',
      updatedAt: timestampFromMs(2_000),
      endedAt: timestampFromMs(3_000),
      endIsEstimate: true,
      region: 'moscow',
      seq: 3n,
    }),
  );
});

test('a shift with as little as possible, and then better known', () => {
  const raw = { session_status: 'unrecognised', session_status_raw: 'X' };
  const image = imageOf({ profile: [7, 1, 1], session: raw });
  image.putSession(sessionRow(1, 4, { session_status: 'issued', ended_us: null, region: null }));
  const expected = {
    ...key,
    ...token,
    sessionStatus: SessionStatus.ISSUED,
    updatedAt: timestampFromMs(2_000),
    seq: 4n,
  };
  expect(statusRecord(image, 7)).toEqual(create(SessionRecordSchema, expected));
});

test.each([
  ['no shift', {}, undefined],
  ['a shift that is gone', { session: { deleted: true } }, timestampFromMs(2_000)],
])('%s is a tombstone', (_name, row, updatedAt) => {
  const image = imageOf({ profile: [7, 4, 1], ...row });
  const expected = { ...key, seq: 4n, deleted: true, ...(updatedAt && { updatedAt }) };
  expect(statusRecord(image, 7)).toEqual(create(SessionRecordSchema, expected));
});

test('outside the filter a shift is a tombstone, inside it is itself', () => {
  const image = imageOf({ profile: [7, 1, 1], session: {} });
  expect(statusRecord(image, 7, new Set(['tver']))).toMatchObject({ deleted: true, region: '', driverLicensePdId: '' });
  expect(statusRecord(image, 7, new Set(['tver', 'moscow']))).toEqual(statusRecord(image, 7));
});

test('infinite times are as good as none', () => {
  const image = imageOf({
    profile: [7, 1, 1],
    session: { ended_us: 'Infinity', updated_us: Number.POSITIVE_INFINITY },
  });
  expect(statusRecord(image, 7)).toMatchObject({ seq: 3n, region: 'moscow' });
  expect(statusRecord(image, 7)?.endedAt).toBeUndefined();
  expect(statusRecord(image, 7)?.updatedAt).toBeUndefined();
});

test('times beyond what the contract can say are its last and first', () => {
  const image = imageOf({ profile: [7, 1, 1], session: { ended_us: 9e18, updated_us: -9e18 } });
  expect(statusRecord(image, 7)).toMatchObject({
    endedAt: { seconds: 253_402_300_799n, nanos: 0 },
    updatedAt: { seconds: -62_135_596_800n, nanos: 0 },
  });
});

test.each([1, 35, 64, 200, 20_000])('keys, tokens, ids and words of %d bytes', (length) => {
  const long = (letter: string) => letter.repeat(length);
  const image = new Image();
  const names = { park_id: long('p'), driver_id: long('d'), driver_license_pd_id: long('t') };
  image.putProfile(profileRow(7, 1, 1, names));
  image.putBinding(bindingRow(1, 2, { driver_license_pd_id: long('t'), deptrans_id: long('9') }));
  const session = { session_status: 'unrecognised', session_status_raw: long('w'), region: long('r') };
  image.putSession(sessionRow(1, 3, { driver_license_pd_id: long('t'), ...session }));
  const common = { parkId: long('p'), driverId: long('d'), driverLicensePdId: long('t') };
  expect(idRecord(image, 7)).toMatchObject({ ...common, deptransId: long('9'), seq: 2n });
  expect(statusRecord(image, 7)).toMatchObject({ ...common, sessionStatusRaw: long('w'), region: long('r'), seq: 3n });
  expect(image.factsOf(long('p'), long('d'))).toMatchObject({ person: long('t'), region: long('r') });
});
