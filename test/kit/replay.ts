import { fromBinary } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import {
  type Digest,
  Hello_Mode,
  Reset_Reason,
  type WatchIdsResponse,
  WatchIdsResponseSchema,
  type WatchStatusesResponse,
  WatchStatusesResponseSchema,
} from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import type { PolicyInForce } from '../../gen/deptrans/v1/policy_pb.ts';
import type { DriverIdRecord, SessionRecord } from '../../gen/deptrans/v1/records_pb.ts';
import { digestOf } from '../support/feed/murmur.ts';
import type { KitCopy, Row } from './history.ts';

export type StreamKind = 'ids' | 'statuses';
type FeedRecord = DriverIdRecord | SessionRecord;
export type Message = WatchIdsResponse | WatchStatusesResponse;

export const COLUMNS: Record<StreamKind, readonly string[]> = {
  ids: ['park_id', 'driver_id', 'driver_license_pd_id', 'bound', 'deptrans_id', 'state', 'updated_at_us', 'seq'],
  statuses: [
    ...['park_id', 'driver_id', 'driver_license_pd_id', 'session_status', 'session_status_raw', 'updated_at_us'],
    ...['ended_at_us', 'end_is_estimate', 'region', 'seq'],
  ],
};

export function parse(stream: StreamKind, bytes: Uint8Array): Message {
  return stream === 'ids' ? fromBinary(WatchIdsResponseSchema, bytes) : fromBinary(WatchStatusesResponseSchema, bytes);
}

/**
 * The least that a consumer does, and it shares no code with one: it applies frame after frame to a map. Throws where the promises of the
 * stream do not hold, and where its copy does not have the digest that a frame tells.
 */
export class Replayer {
  cursor = '';
  /** Whether the copy is equal to a state that the database had. */
  complete = false;
  /** The policy in force, as far as it is known. */
  policy: PolicyInForce | null = null;
  /** Of which history the policy is; empty: whatever comes is of another. */
  #policyEpoch = '';
  #epoch = '';
  readonly #stream: StreamKind;
  readonly #records = new Map<string, FeedRecord>();
  #position = 0n;
  #awaitsHello = false;
  #isNew = true;

  constructor(stream: StreamKind) {
    this.#stream = stream;
  }

  connect(): void {
    this.#awaitsHello = true;
    this.#isNew = this.cursor === '';
  }

  take({ frame }: Message): void {
    if (this.#awaitsHello !== (frame.case === 'hello'))
      throw new Error('hello is not the first frame, or not the only');
    this.#awaitsHello = false;
    switch (frame.case) {
      case 'hello':
        this.#epoch = frame.value.epoch;
        if (this.#isNew && frame.value.mode !== Hello_Mode.SNAPSHOT) throw new Error('a new consumer needs a snapshot');
        return;
      case 'reset':
        if (frame.value.reason === Reset_Reason.EPOCH) this.#policyEpoch = '';
        this.#records.clear();
        this.cursor = '';
        this.#position = 0n;
        this.complete = false;
        return;
      case 'snapshotBegin':
        if (this.#records.size > 0) throw new Error('a snapshot begins in a copy that is not empty');
        return;
      case 'changes':
        this.#change(frame.value);
        return;
      case 'snapshotEnd':
        this.#hold(frame.value.cursor);
        this.#prove(frame.value.digest);
        return;
      case 'heartbeat':
        if (frame.value.throughSeq < this.#position) throw new Error('a heartbeat from the past');
        this.#position = frame.value.throughSeq;
        this.#hold(frame.value.cursor);
        this.#prove(frame.value.digest);
        return;
      case 'goAway':
        this.#hold(frame.value.cursor);
        return;
      case 'policy':
        if (this.policy && this.#policyEpoch === this.#epoch && frame.value.version < this.policy.version) return;
        this.policy = frame.value;
        this.#policyEpoch = this.#epoch;
        return;
      case undefined:
        throw new Error('a frame of an unknown kind');
    }
  }

  /** The copy, in the order of the keys' code units. */
  copy(): KitCopy {
    const records = [...this.#records].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, record]) => record);
    const { sums, counts } = digestOf(records);
    const buckets = Array.from({ length: 256 }, (_, bucket) => [
      bucket,
      Buffer.from(counts, 'hex').readUInt32LE(bucket * 4),
      Buffer.from(sums, 'hex')
        .readBigUInt64LE(bucket * 8)
        .toString(16)
        .padStart(16, '0'),
    ]) as KitCopy['digest'];
    return { rows: records.map(toRow), digest: buckets.filter(([, count]) => count > 0) };
  }

  #change(changes: { prevSeq: bigint; throughSeq: bigint; cursor: Uint8Array; records: FeedRecord[] }): void {
    if (changes.prevSeq !== this.#position) throw new Error('something is missing before a frame');
    let last = changes.prevSeq + 1n;
    for (const record of changes.records) {
      if (record.seq < last || record.seq > changes.throughSeq) throw new Error('a record out of order');
      last = record.seq;
      const key = `${record.parkId}\0${record.driverId}`;
      if (record.deleted) this.#records.delete(key);
      else this.#records.set(key, record);
    }
    this.#position = changes.throughSeq;
    this.#hold(changes.cursor);
  }

  #hold(cursor: Uint8Array): void {
    this.cursor = Buffer.from(cursor).toString('hex');
  }

  #prove(told: Digest | undefined): void {
    this.complete = true;
    if (!told) return;
    const own = digestOf(this.#records.values());
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
    if (hex(told.sums) !== own.sums || hex(told.counts) !== own.counts) {
      throw new Error(`the digest of ${this.#stream} is another`);
    }
  }
}

function toRow(record: FeedRecord): Row {
  const common = [record.parkId, record.driverId, record.driverLicensePdId];
  const [updatedAt, seq] = [micros(record.updatedAt), Number(record.seq)];
  if (record.$typeName === 'deptrans.v1.DriverIdRecord') {
    return [...common, record.bound, record.deptransId, record.state, updatedAt, seq];
  }
  const { sessionStatus, sessionStatusRaw, endedAt, endIsEstimate, region } = record;
  return [...common, sessionStatus, sessionStatusRaw, updatedAt, micros(endedAt), endIsEstimate, region, seq];
}

function micros(time: Timestamp | undefined): number | null {
  return time ? Number(time.seconds) * 1_000_000 + time.nanos / 1_000 : null;
}
