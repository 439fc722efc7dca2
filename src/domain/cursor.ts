import { crc32 } from 'node:zlib';

/**
 * A position in a feed, as subscribers keep it: 25 opaque bytes = version (1), epoch (8), seq (8), crc32 of the stream and its filter (4),
 * crc32 of all before (4); integers big-endian. It holds on any instance that serves the same database.
 */
export type Cursor = {
  /** The first 16 hex digits of the epoch. */
  epoch: string;
  /** Everything up to this number has been seen. A safe integer, not negative. */
  seq: number;
  /** See `filterHash`. */
  filter: number;
};

export type StreamKind = 'ids' | 'statuses';

const VERSION = 1;
const LENGTH = 25;

/**
 * What a cursor says of its stream: equal for equal streams and filters. `regions` sorted and without repeats; empty means no filter.
 * `bucket`, if only that bucket of the digest is read.
 */
export function filterHash(kind: StreamKind, regions: readonly string[], bucket: number | null = null): number {
  const stream = bucket === null ? kind : `${kind} ${bucket}`;
  return crc32([stream, ...regions].join('\n'));
}

export function encodeCursor({ epoch, seq, filter }: Cursor): Uint8Array {
  const bytes = Buffer.alloc(LENGTH);
  bytes[0] = VERSION;
  bytes.write(epoch, 1, 8, 'hex');
  bytes.writeBigUInt64BE(BigInt(seq), 9);
  bytes.writeUInt32BE(filter, 17);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 21)), 21);
  return bytes;
}

/** Null for anything that `encodeCursor` never made. */
export function decodeCursor(given: Uint8Array): Cursor | null {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  if (bytes.length !== LENGTH || bytes[0] !== VERSION) return null;
  if (bytes.readUInt32BE(21) !== crc32(bytes.subarray(0, 21))) return null;
  const seq = bytes.readBigUInt64BE(9);
  if (seq > BigInt(Number.MAX_SAFE_INTEGER)) return null;
  return { epoch: bytes.toString('hex', 1, 9), seq: Number(seq), filter: bytes.readUInt32BE(17) };
}

/** What a subscriber has to drop its copy for; null if the cursor can be continued. */
export function resetReason(
  cursor: Cursor,
  now: { epoch: string; floor: number; filter: number },
): 'epoch' | 'filter_changed' | 'cursor_too_old' | null {
  if (cursor.epoch !== now.epoch) return 'epoch';
  if (cursor.filter !== now.filter) return 'filter_changed';
  // From the very beginning nothing is missing.
  return cursor.seq > 0 && cursor.seq < now.floor ? 'cursor_too_old' : null;
}
