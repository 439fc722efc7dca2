import { create, toBinary } from '@bufbuild/protobuf';
import {
  type Hello_Mode,
  type Reset_Reason,
  type WatchIdsResponse,
  WatchIdsResponseSchema,
} from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import type { PolicyInForce } from '../../gen/deptrans/v1/policy_pb.ts';
import type { DigestBytes } from './digest.ts';
import { openWriter, type Writer, writeField, writeNumber, writeVarint } from './wire.ts';

/**
 * Frames of a watch as they go over the wire: five bytes of envelope (a zero, the length in big-endian) and the message. The two streams
 * differ in the records alone; all other frames are the same bytes in both, so they are made by the one schema.
 */
export type Frame = Uint8Array;

/** The envelope in front of the message. */
export const ENVELOPE_BYTES = 5;

/** The field of the records in `IdChanges` and in `StatusChanges`. */
export const CHANGES_RECORDS = 3;

const CHANGES_TAG = 0x2a; // field 5 of the response
const HEAD_BYTES = 128; // envelope, tag, length, and all fields of the changes but the records

/** A changes frame under way: room for its head is kept in front of the records. */
export function openBody(): Writer {
  const writer = openWriter(96 * 1024);
  writer.at = HEAD_BYTES;
  return writer;
}

export const bodySize = (body: Writer): number => body.at - HEAD_BYTES;

export type Changes = { prev: number; through: number; cursor: Uint8Array; compacted: boolean };

/** Ends a changes frame: a copy of its own. The body is empty again afterwards. */
export function endChanges(body: Writer, { prev, through, cursor, compacted }: Changes): Frame {
  const head = openWriter(HEAD_BYTES);
  if (prev > 0) writeNumber(head, 1, prev);
  writeNumber(head, 2, through);
  writeField(head, 4, cursor);
  if (compacted) writeNumber(head, 5, 1);
  const length = head.at + bodySize(body);
  const front = openWriter(16);
  front.at = ENVELOPE_BYTES;
  front.bytes[front.at++] = CHANGES_TAG;
  writeVarint(front, length);
  const frame = new Uint8Array(front.at + length);
  frame.set(front.bytes.subarray(0, front.at));
  frame.set(head.bytes.subarray(0, head.at), front.at);
  frame.set(body.bytes.subarray(HEAD_BYTES, body.at), front.at + head.at);
  body.at = HEAD_BYTES;
  return sealed(frame);
}

export type Hello = { epoch: string; head: number; mode: Hello_Mode; heartbeatIntervalMs: number; instance: string };

export function helloFrame({ epoch, head, mode, heartbeatIntervalMs, instance }: Hello): Frame {
  const value = { epoch, headSeq: BigInt(head), mode, heartbeatIntervalMs, serverInstance: instance };
  return frameOf({ case: 'hello', value: { $typeName: 'deptrans.v1.Hello', ...value } });
}

/** In the stream of ids alone. */
export function policyFrame(policy: PolicyInForce): Frame {
  return frameOf({ case: 'policy', value: policy });
}

export function resetFrame(reason: Reset_Reason): Frame {
  return frameOf({ case: 'reset', value: { $typeName: 'deptrans.v1.Reset', reason } });
}

export function snapshotBeginFrame(id: string, asOf: number, rows: number): Frame {
  const value = { id, asOfSeq: BigInt(asOf), rowCount: BigInt(rows) };
  return frameOf({ case: 'snapshotBegin', value: { $typeName: 'deptrans.v1.SnapshotBegin', ...value } });
}

export function snapshotEndFrame(id: string, cursor: Uint8Array, digest: DigestBytes | null): Frame {
  const value = { id, cursor, ...digestOf(digest) };
  return frameOf({ case: 'snapshotEnd', value: { $typeName: 'deptrans.v1.SnapshotEnd', ...value } });
}

export function heartbeatFrame(
  through: number,
  cursor: Uint8Array,
  sourceAgeMs: number,
  digest: DigestBytes | null,
): Frame {
  const value = { throughSeq: BigInt(through), cursor, sourceAgeMs: BigInt(Math.ceil(sourceAgeMs)) };
  return frameOf({
    case: 'heartbeat',
    value: { $typeName: 'deptrans.v1.Heartbeat', ...value, ...digestOf(digest) },
  });
}

export function goAwayFrame(reconnectAfterMs: number, cursor: Uint8Array): Frame {
  return frameOf({ case: 'goAway', value: { $typeName: 'deptrans.v1.GoAway', reconnectAfterMs, cursor } });
}

function digestOf(digest: DigestBytes | null) {
  return digest && { digest: { $typeName: 'deptrans.v1.Digest' as const, ...digest } };
}

function frameOf(frame: WatchIdsResponse['frame']): Frame {
  const message = toBinary(WatchIdsResponseSchema, create(WatchIdsResponseSchema, { frame }));
  const bytes = new Uint8Array(ENVELOPE_BYTES + message.length);
  bytes.set(message, ENVELOPE_BYTES);
  return sealed(bytes);
}

/** Writes the envelope into the five bytes kept for it. */
function sealed(frame: Uint8Array): Frame {
  new DataView(frame.buffer).setUint32(1, frame.length - ENVELOPE_BYTES);
  return frame;
}
