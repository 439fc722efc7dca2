import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { Driver, DriverRecord } from '../../consumer/driver-cache.ts';
import type { DriverIdRecord, SessionRecord } from '../../gen/deptrans/v1/records_pb.ts';
import { BINDING_STATES, SESSION_STATUSES } from '../../verdict/words.ts';

/** A record of a feed as one text, whoever tells it; null: the key is gone. */
export type RecordText = { key: string; text: string | null };

const keyOf = ({ parkId, driverId }: Driver) => JSON.stringify([parkId, driverId]);

const microsOf = (time: Timestamp | undefined) =>
  time ? Number(time.seconds) * 1_000_000 + Math.floor(time.nanos / 1_000) : null;

/** As the service tells it. */
export function idText(record: DriverIdRecord): RecordText {
  const { driverLicensePdId, bound, deptransId, updatedAt, seq, deleted, state } = record;
  const fields = [driverLicensePdId, bound, deptransId, BINDING_STATES[state - 1], microsOf(updatedAt), Number(seq)];
  return { key: keyOf(record), text: deleted ? null : JSON.stringify(fields) };
}

/** As the service tells it. */
export function sessionText(record: SessionRecord): RecordText {
  const { driverLicensePdId, sessionStatus, sessionStatusRaw, updatedAt, endedAt, deleted } = record;
  const words = [driverLicensePdId, SESSION_STATUSES[sessionStatus], sessionStatusRaw];
  const times = [microsOf(updatedAt), microsOf(endedAt), record.endIsEstimate];
  const text = JSON.stringify([...words, ...times, record.region, Number(record.seq)]);
  return { key: keyOf(record), text: deleted ? null : text };
}

/** How many records a consumer's copy does not have as the service does, or has alone. */
export function differs(
  copy: Iterable<DriverRecord>,
  ids: ReadonlyMap<string, string>,
  sessions: ReadonlyMap<string, string>,
): number {
  let [same, held] = [0, 0];
  for (const record of copy) {
    const key = keyOf(record);
    const { id, session } = record;
    if (id) {
      const { person, bound, deptransId, state, updatedAtUs, seq } = id;
      held += 1;
      if (ids.get(key) === JSON.stringify([person, bound, deptransId, state, updatedAtUs, seq])) same += 1;
    }
    if (session) {
      const { person, status, raw, updatedAtUs, endedAtUs, endIsEstimate, region, seq } = session;
      held += 1;
      const text = JSON.stringify([person, status, raw, updatedAtUs, endedAtUs, endIsEstimate, region, seq]);
      if (sessions.get(key) === text) same += 1;
    }
  }
  return ids.size + sessions.size - same + (held - same);
}
