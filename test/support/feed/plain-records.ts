import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { SessionStatus } from '../../../gen/deptrans/v1/records_pb.ts';
import type { FeedRecord } from './consumer.ts';
import type { PlainRecord } from './world.ts';

const STATUS_WORDS = new Map<number, string>(
  Object.entries(SessionStatus).map(([word, value]) => [value, word.toLowerCase()]),
);

/** A consumer's copy in the form of `readRecords`. */
export function plainRecords(copy: ReadonlyMap<string, FeedRecord>): Map<string, PlainRecord> {
  return new Map([...copy].map(([key, record]) => [key, plain(record)]));
}

function plain(record: FeedRecord): PlainRecord {
  const common = { person: record.driverLicensePdId, updated: micros(record.updatedAt), seq: String(record.seq) };
  if (record.$typeName === 'deptrans.v1.DriverIdRecord') {
    return { ...common, bound: record.bound, id: record.deptransId };
  }
  return {
    ...common,
    status: STATUS_WORDS.get(record.sessionStatus) ?? '',
    raw: record.sessionStatusRaw,
    ended: micros(record.endedAt),
    estimate: record.endIsEstimate,
    region: record.region,
  };
}

function micros(time: Timestamp | undefined): string | null {
  return time ? String(time.seconds * 1_000_000n + BigInt(time.nanos / 1_000)) : null;
}
