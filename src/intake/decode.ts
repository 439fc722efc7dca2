import { isAscii, isUtf8 } from 'node:buffer';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { type ContractorStatusEvent, ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import {
  type DriverStatus,
  parseRfc3339,
  parseStatusEvent,
  type RefusalReason,
  type StatusEvent,
} from '../domain/driver-status.ts';
import { readPlainEvent } from './decode-plain.ts';

/**
 * Bytes of the topic, or a message of the push, to an event: either an event or the one reason why not; nothing throws. The window of time
 * is judged later, by the database's clock. The only file here that knows the contract.
 */
export const maxMessageBytes = 64 * 1024;

/** First byte `{` = JSON, else `ContractorStatusEvent` in binary. `null` is a message without a value. */
export function decodeMessage(value: Uint8Array | null): StatusEvent | RefusalReason {
  if (value === null) return 'UNREADABLE';
  if (value.length > maxMessageBytes) return 'TOO_LARGE';
  return value[0] === 0x7b ? decodeJson(value) : decodeBinary(value);
}

/** An event as it is pushed: the contract's message, read by its own rules. */
export type PushedEvent = ContractorStatusEvent;

export function decodeEvent({ parkId, driverId, status, eventAt }: PushedEvent): StatusEvent | RefusalReason {
  return parseStatusEvent({ parkId, driverId, status: words[status], eventAtMs: eventAt && toMs(eventAt) });
}

/** The bytes that a pushed event would have on the topic. */
export function encodeEvent(event: PushedEvent): Uint8Array {
  return toBinary(ContractorStatusEventSchema, event);
}

const words: Partial<Record<ContractorStatus, DriverStatus>> = {
  [ContractorStatus.OFFLINE]: 'offline',
  [ContractorStatus.ONLINE]: 'online',
  [ContractorStatus.BUSY]: 'busy',
};

function decodeJson(value: Uint8Array): StatusEvent | RefusalReason {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  let json: Record<string, unknown>;
  try {
    if (isAscii(bytes)) json = JSON.parse(bytes.toString('latin1'));
    else if (isUtf8(bytes)) json = JSON.parse(bytes.toString('utf8'));
    else return 'UNREADABLE';
  } catch {
    return 'UNREADABLE';
  }
  return parseStatusEvent({
    parkId: json['park_id'],
    driverId: json['driver_id'],
    status: json['status'],
    eventAtMs: parseRfc3339(json['event_at']),
  });
}

function decodeBinary(value: Uint8Array): StatusEvent | RefusalReason {
  const plain = readPlainEvent(value);
  if (plain) {
    const { parkId, driverId, status, hasTime } = plain;
    return parseStatusEvent({
      parkId,
      driverId,
      status: words[status as ContractorStatus],
      eventAtMs: hasTime ? toMs(plain) : undefined,
    });
  }
  try {
    return decodeEvent(fromBinary(ContractorStatusEventSchema, value));
  } catch {
    return 'UNREADABLE';
  }
}

function toMs({ seconds, nanos }: { seconds: Timestamp['seconds'] | number; nanos: number }): number | undefined {
  if (nanos < 0 || nanos > 999_999_999) return undefined;
  return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
}
