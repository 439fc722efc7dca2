import type { RecordReader } from './record-reader.ts';
import { BOUND, type Chunk, ESTIMATE, F64, HAS_ID, HAS_SESSION, ROW_BYTES, U8, U16 } from './rows.ts';

const UNRECOGNISED = 6;
const UNBOUND = 0;
const IS_BOUND = 1;
const RECHECK = 2;
const STATES = 4;

/** Writes what a record of ids says in numbers, and that the row has one. */
export function setIdNumbers({ bytes, f64 }: Chunk, index: number, reader: RecordReader): void {
  const { seq, updatedUs, bound, state } = reader;
  const base = index * ROW_BYTES;
  f64[index * (ROW_BYTES / 8) + F64.idSeq] = seq;
  f64[index * (ROW_BYTES / 8) + F64.idUpdated] = updatedUs;
  bytes[base + U8.flags] = (bytes[base + U8.flags]! & ~BOUND) | HAS_ID | (bound ? BOUND : 0);
  // A service of before `state` says only whether an id is bound; a state that is not known here is none that may block.
  if (state === 0) bytes[base + U8.state] = bound ? IS_BOUND : UNBOUND;
  else bytes[base + U8.state] = state > STATES || state < 0 ? RECHECK : state - 1;
}

/** The same of a record of shifts, in a region by its number. */
export function setSessionNumbers(
  { bytes, f64, u16 }: Chunk,
  index: number,
  reader: RecordReader,
  region: number,
): void {
  const { seq, updatedUs, endedUs, status, isEstimate } = reader;
  const base = index * ROW_BYTES;
  f64[index * (ROW_BYTES / 8) + F64.sessionSeq] = seq;
  f64[index * (ROW_BYTES / 8) + F64.sessionUpdated] = updatedUs;
  f64[index * (ROW_BYTES / 8) + F64.ended] = endedUs;
  u16[index * (ROW_BYTES / 2) + U16.region] = region;
  bytes[base + U8.status] = status > UNRECOGNISED || status < 1 ? UNRECOGNISED : status;
  bytes[base + U8.flags] = (bytes[base + U8.flags]! & ~ESTIMATE) | HAS_SESSION | (isEstimate ? ESTIMATE : 0);
}
