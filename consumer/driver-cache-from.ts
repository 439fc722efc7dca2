import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';
import type { DriverId_State } from '../gen/deptrans/v1/driver_id_pb.ts';
import { DriverIdRecordSchema, SessionRecordSchema, type SessionStatus } from '../gen/deptrans/v1/records_pb.ts';
import type { Policy } from '../verdict/verdict.ts';
import { BINDING_STATES, SESSION_STATUSES } from '../verdict/words.ts';
import { Copy } from './copy.ts';
import type { DriverCache } from './driver-cache.ts';
import type { Driver, IdRecord, SessionRecord } from './driver-record.ts';
import { MemoryCache } from './memory-cache.ts';
import { type DriverCacheOptions, settingsOf } from './options.ts';
import { Policies } from './policies.ts';

/** A profile as a test wants it; what is left out is what is usual: a person, a bound id, a shift on line. */
export type DriverFixture = Driver & {
  readonly id?: Partial<IdRecord> | null;
  readonly session?: Partial<SessionRecord> | null;
};

/**
 * A cache for tests of those who use it: it holds these records, needs no service, and is fresh until it is closed. Profiles without `session`
 * have no shift; without `policy` nothing is required anywhere.
 */
export function driverCacheFrom(
  fixtures: Iterable<DriverFixture>,
  { policy, ...options }: Omit<DriverCacheOptions, 'endpoints' | 'dump' | 'reconnect'> & { policy?: Policy } = {},
): DriverCache {
  const settings = settingsOf({ ...options, endpoints: [] });
  const copy = new Copy();
  const policies = new Policies();
  if (policy) policies.put(policy);
  let seq = 0;
  for (const fixture of fixtures) {
    seq += 1;
    const { id = {}, session = null } = fixture;
    if (id) {
      const bytes = toBinary(DriverIdRecordSchema, create(DriverIdRecordSchema, idMessage(fixture, id, seq)));
      copy.put('ids', bytes, 0, bytes.length);
    }
    if (session) {
      const bytes = toBinary(SessionRecordSchema, create(SessionRecordSchema, sessionMessage(fixture, session, seq)));
      copy.put('statuses', bytes, 0, bytes.length);
    }
  }
  return new MemoryCache({
    copy,
    policies,
    settings,
    upkeep: null,
    onChange: options.onChange,
    onState: options.onState,
  });
}

function idMessage(
  { parkId, driverId }: Driver,
  { person = 'person', deptransId = '1', state = 'bound', bound = state !== 'unbound', ...rest }: Partial<IdRecord>,
  seq: number,
): MessageInitShape<typeof DriverIdRecordSchema> {
  return {
    parkId,
    driverId,
    driverLicensePdId: person,
    bound,
    deptransId: bound ? deptransId : '',
    state: (BINDING_STATES.indexOf(state) + 1) as DriverId_State,
    ...time('updatedAt', rest.updatedAtUs),
    seq: BigInt(rest.seq ?? seq),
  };
}

function sessionMessage(
  { parkId, driverId }: Driver,
  {
    person = 'person',
    status = 'online',
    raw = '',
    endIsEstimate = false,
    region = '',
    ...rest
  }: Partial<SessionRecord>,
  seq: number,
): MessageInitShape<typeof SessionRecordSchema> {
  return {
    parkId,
    driverId,
    driverLicensePdId: person,
    sessionStatus: SESSION_STATUSES.indexOf(status) as number as SessionStatus,
    sessionStatusRaw: raw,
    ...time('updatedAt', rest.updatedAtUs),
    ...time('endedAt', rest.endedAtUs),
    endIsEstimate,
    region,
    seq: BigInt(rest.seq ?? seq),
  };
}

function time<Name extends string>(name: Name, micros: number | null | undefined) {
  if (micros === null || micros === undefined) return {};
  const seconds = Math.floor(micros / 1_000_000);
  const value = create(TimestampSchema, { seconds: BigInt(seconds), nanos: (micros - seconds * 1_000_000) * 1_000 });
  return { [name]: value } as Record<Name, Timestamp>;
}
