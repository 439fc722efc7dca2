import { crc32 } from 'node:zlib';
import { fromBinary } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import {
  type Digest,
  type Hello_Mode,
  type WatchIdsResponse,
  WatchIdsResponseSchema,
  type WatchStatusesResponse,
  WatchStatusesResponseSchema,
} from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import type { DriverIdRecord, SessionRecord } from '../../gen/deptrans/v1/records_pb.ts';
import type { Filter, Kind } from './truth.ts';

/** A record as it came; `value` as in Version, 0 of a deleted one. */
export type Told = { key: string; seq: number; deleted: boolean; value: number };

/** A frame as it came, with the time at which it did. */
export type Frame = { atMs: number } & Content;

export type Content =
  | { case: 'hello'; mode: Hello_Mode }
  | { case: 'reset'; reason: number }
  | { case: 'snapshotBegin'; id: string }
  | { case: 'snapshotEnd'; id: string; digest: Digest | undefined }
  | { case: 'changes'; prev: number; through: number; compacted: boolean; records: readonly Told[] }
  | { case: 'heartbeat'; through: number; ageMs: number; digest: Digest | undefined }
  | { case: 'goAway' | 'policy' };

/** A place in a history from which its subscriber may go on: after that frame of that stream. */
export type Bookmark = { stream: number; frame: number; position: number };

/** One stream: where it began (null: with an empty cursor), what came, and how it ended. */
export type StreamHistory = {
  from: Bookmark | null;
  frames: Frame[];
  end: string;
  /** Whether frames were read as soon as they came, so that their times say something. */
  isPrompt: boolean;
};

/** All that one subscriber ever saw, stream after stream. */
export type History = { name: string; kind: Kind; filter: Filter; streams: StreamHistory[] };

export type Cursors = { cursor: Uint8Array | null; position: number | null };

/** A message of the wire as a frame, and the place it leads to. */
export function readMessage(kind: Kind, bytes: Uint8Array): Cursors & { frame: Content } {
  const message: WatchIdsResponse | WatchStatusesResponse =
    kind === 'ids' ? fromBinary(WatchIdsResponseSchema, bytes) : fromBinary(WatchStatusesResponseSchema, bytes);
  const { frame } = message;
  const nowhere = { cursor: null, position: null };
  switch (frame.case) {
    case 'hello':
      return { frame: { case: frame.case, mode: frame.value.mode }, ...nowhere };
    case 'reset':
      return { frame: { case: frame.case, reason: frame.value.reason }, ...nowhere };
    case 'snapshotBegin':
      return { frame: { case: frame.case, id: frame.value.id }, ...nowhere };
    case 'snapshotEnd':
      return { frame: { case: frame.case, id: frame.value.id, digest: frame.value.digest }, ...nowhere };
    case 'changes': {
      const { prevSeq, throughSeq, compacted, cursor } = frame.value;
      const records = frame.value.records.map(told);
      const position = Number(throughSeq);
      return {
        frame: { case: frame.case, prev: Number(prevSeq), through: position, compacted, records },
        cursor,
        position,
      };
    }
    case 'heartbeat': {
      const { throughSeq, sourceAgeMs, digest, cursor } = frame.value;
      const position = Number(throughSeq);
      return {
        frame: { case: frame.case, through: position, ageMs: Number(sourceAgeMs), digest },
        cursor,
        position,
      };
    }
    case 'goAway':
    case 'policy':
      return { frame: { case: frame.case }, ...nowhere };
    default:
      throw new Error('a frame of no kind');
  }
}

function told(record: DriverIdRecord | SessionRecord): Told {
  const { parkId, driverId, deleted } = record;
  return {
    key: `${parkId}/${driverId}`,
    seq: Number(record.seq),
    deleted,
    value: deleted ? 0 : checksumOf(fieldsOf(record)),
  };
}

function fieldsOf(record: DriverIdRecord | SessionRecord): readonly (string | boolean | null)[] {
  const common = [record.driverLicensePdId, micros(record.updatedAt)];
  if (record.$typeName === 'deptrans.v1.DriverIdRecord') return [...common, record.bound, record.deptransId];
  const { sessionStatus, endedAt, endIsEstimate, region } = record;
  return [...common, String(sessionStatus), micros(endedAt), endIsEstimate, region];
}

/** Fields as one number; the writer of the truth makes it of what the database holds. */
export function checksumOf(fields: readonly (string | boolean | null)[]): number {
  return crc32(fields.join('\u0000'));
}

function micros(time: Timestamp | undefined): string | null {
  return time ? String(time.seconds * 1_000_000n + BigInt(Math.floor(time.nanos / 1_000))) : null;
}
