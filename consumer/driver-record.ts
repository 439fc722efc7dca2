import { BINDING_STATES, type BindingState, SESSION_STATUSES, type SessionStatus } from '../verdict/words.ts';
import type { Copy } from './copy.ts';
import { BOUND, CHUNK_ROWS, ESTIMATE, F64, HAS_ID, HAS_SESSION, ROW_BYTES, U8, U16 } from './rows.ts';

/** Who is asked about. */
export type Driver = { readonly parkId: string; readonly driverId: string };

/** What both feeds say of a profile. Times are µs since 1970. Personal data: `person` and `deptransId` belong into no log. */
export type DriverRecord = Driver & {
  /** Null: the profile is not known (any more). */
  readonly id: IdRecord | null;
  /** Null: no shift is known. */
  readonly session: SessionRecord | null;
};

export type IdRecord = {
  /** The opaque token of the person behind the profile; empty if none is known. */
  readonly person: string;
  readonly bound: boolean;
  /** Empty unless bound. */
  readonly deptransId: string;
  readonly state: BindingState;
  readonly updatedAtUs: number | null;
  readonly seq: number;
};

export type SessionRecord = {
  readonly person: string;
  readonly status: SessionStatus;
  /** The regulator's own word, where `status` is `unrecognised`. */
  readonly raw: string;
  readonly updatedAtUs: number | null;
  /** When the shift ends or ended. */
  readonly endedAtUs: number | null;
  /** `endedAtUs` is the regulator's estimate and may move. */
  readonly endIsEstimate: boolean;
  /** Where it was last judged; empty if nowhere. */
  readonly region: string;
  readonly seq: number;
};

/** The record of a row that is used. */
export function recordOf({ rows, texts, regions }: Copy, row: number): DriverRecord {
  const chunk = rows.chunk(row);
  const index = row & (CHUNK_ROWS - 1);
  const base = index * ROW_BYTES;
  const { bytes, f64, u16 } = chunk;
  const flags = bytes[base + U8.flags]!;
  const number = (field: number) => f64[index * (ROW_BYTES / 8) + field]!;
  const time = (field: number) => (Number.isNaN(number(field)) ? null : number(field));
  const { key, parkLength, idPerson, deptransId, sessionPerson, raw } = texts.read(row, chunk, base)!;
  const id = (flags & HAS_ID) !== 0 && {
    person: idPerson,
    bound: (flags & BOUND) !== 0,
    deptransId,
    state: BINDING_STATES[bytes[base + U8.state]!]!,
    updatedAtUs: time(F64.idUpdated),
    seq: number(F64.idSeq),
  };
  const session = (flags & HAS_SESSION) !== 0 && {
    person: sessionPerson,
    status: SESSION_STATUSES[bytes[base + U8.status]!]!,
    raw,
    updatedAtUs: time(F64.sessionUpdated),
    endedAtUs: time(F64.ended),
    endIsEstimate: (flags & ESTIMATE) !== 0,
    region: regions.nameOf(u16[index * (ROW_BYTES / 2) + U16.region]!),
    seq: number(F64.sessionSeq),
  };
  const text = Buffer.from(key.buffer, key.byteOffset, key.length);
  return {
    parkId: text.toString('utf8', 0, parkLength),
    driverId: text.toString('utf8', parkLength + 1),
    id: id || null,
    session: session || null,
  };
}
