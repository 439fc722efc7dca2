import { BINDING_STATES } from '../../verdict/verdict.ts';
import type { DeptransId } from '../domain/binding.ts';
import type { BindingRow } from '../store/feed-rows.ts';
import type { TextInPlace } from '../store/image.ts';
import type { Arena } from './arena.ts';
import { openSlab } from './slab.ts';
import { copyText, textOf } from './text-in-place.ts';
import { openWriter, reserve, type Writer, writeBytes, writeField } from './wire.ts';

export type SessionState = {
  seq: number;
  /** NaN: no moment. */
  updatedUs: number;
  /** NaN: not said. */
  endedUs: number;
  status: number;
  raw: string | null;
  isEstimate: boolean;
  isDeleted: boolean;
  region: number;
};

const SESSION_SEQ = 0;
const SESSION_UPDATED = 1;
const SESSION_ENDED = 2;
const BINDING_SEQ = 3;
const BINDING_UPDATED = 4;
const FIRST = 10;
const REGION = 11;
const STATUS = 48;
const FLAGS = 49;
const STATE = 50;
const TOKEN_LENGTH = 51;
const ID_LENGTH = 52;
const ID = 53;
const ID_BYTES = 19;
const TOKEN = 72;
const TOKEN_BYTES = 40;
const TOKEN_FIELD = 3;
const TOKEN_TAG = (TOKEN_FIELD << 3) | 2;
const CHUNK = 18;
const PLACE = 19;
const ELSEWHERE = 255;

/**
 * People as slots of 112 bytes under their person_no, each with the session and the binding:
 *
 *   0  f64  session: seq; 0 = none          40 u32  the person's first profile
 *   8  f64  session: updated, µs            44 u32  session: number of the region; 0 = none
 *   16 f64  session: ends, µs               48 u8   session: status, as SessionStatus in the contract
 *   24 f64  binding: seq; 0 = none          49 u8   session: 1 = deleted, 2 = the end is an estimate
 *   32 f64  binding: updated, µs            50 u8   binding: state, index in BINDING_STATES
 *   51 u8   length of the token's field; 255 = in the arena, at the words 72 (chunk) and 76 (place)
 *   52 u8   length of the id; 0 = not bound, 255 = too long for a slot
 *   53 19B  the id
 *   72 40B  the token as it goes on the wire: field 3 of either record
 *
 * What is rare and has no room (ids of 20 digits, the regulator's unknown words) is kept aside by number.
 */
export class PersonSlots {
  readonly #slab = openSlab(112);
  readonly #arena: Arena;
  readonly #longIds = new Map<number, Buffer>();
  readonly #rawWords = new Map<number, Buffer>();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Above every number in use. */
  get end(): number {
    return this.#slab.end;
  }

  /** Makes room for numbers below `end`. */
  reserve(end: number): void {
    this.#slab.reserve(end);
  }

  sessionSeq(no: number): number {
    return this.#double(no, SESSION_SEQ);
  }

  sessionUpdatedUs(no: number): number {
    return this.#double(no, SESSION_UPDATED);
  }

  sessionEndedUs(no: number): number {
    return this.#double(no, SESSION_ENDED);
  }

  bindingSeq(no: number): number {
    return this.#double(no, BINDING_SEQ);
  }

  bindingUpdatedUs(no: number): number {
    return this.#double(no, BINDING_UPDATED);
  }

  bindingState(no: number): BindingRow['state'] {
    return BINDING_STATES[this.#byte(no, STATE)]!;
  }

  firstProfile(no: number): number {
    return this.#word(no, FIRST);
  }

  region(no: number): number {
    return this.#word(no, REGION);
  }

  status(no: number): number {
    return this.#byte(no, STATUS);
  }

  hasSession(no: number): boolean {
    return this.sessionSeq(no) > 0 && (this.#byte(no, FLAGS) & 1) === 0;
  }

  endIsEstimate(no: number): boolean {
    return (this.#byte(no, FLAGS) & 2) !== 0;
  }

  isBound(no: number): boolean {
    return this.#byte(no, ID_LENGTH) > 0;
  }

  /** The regulator's own word. */
  raw(no: number): Uint8Array | undefined {
    return this.#rawWords.get(no);
  }

  setFirstProfile(no: number, profile: number): void {
    this.#slab.writable(no).u32[(this.#slab.at(no) >> 2) + FIRST] = profile;
  }

  hasToken(no: number): boolean {
    return this.#byte(no, TOKEN_LENGTH) !== 0;
  }

  /** Sets the person's token; a person's never changes. */
  setToken(no: number, token: TextInPlace): void {
    const { bytes, u32, view } = this.#slab.writable(no);
    const at = this.#slab.at(no);
    const { length } = token;
    if (bytes[at + TOKEN_LENGTH] !== 0) return;
    if (length + 2 <= TOKEN_BYTES) {
      bytes[at + TOKEN_LENGTH] = length + 2;
      bytes[at + TOKEN] = TOKEN_TAG;
      bytes[at + TOKEN + 1] = length;
      copyText(token, view, at + TOKEN + 2);
      return;
    }
    const writer = openWriter(length + 8);
    writeField(writer, TOKEN_FIELD, Buffer.from(textOf(token)));
    const stored = this.#arena.put(writer.bytes.subarray(0, writer.at));
    bytes[at + TOKEN_LENGTH] = ELSEWHERE;
    u32[(at >> 2) + CHUNK] = stored.chunk;
    u32[(at >> 2) + PLACE] = stored.at;
  }

  setSession(no: number, session: SessionState): void {
    const { bytes, f64, u32 } = this.#slab.writable(no);
    const at = this.#slab.at(no);
    f64[(at >> 3) + SESSION_SEQ] = session.seq;
    f64[(at >> 3) + SESSION_UPDATED] = session.updatedUs;
    f64[(at >> 3) + SESSION_ENDED] = session.endedUs;
    u32[(at >> 2) + REGION] = session.region;
    bytes[at + STATUS] = session.status;
    bytes[at + FLAGS] = (session.isDeleted ? 1 : 0) | (session.isEstimate ? 2 : 0);
    if (this.#rawWords.size > 0) this.#rawWords.delete(no);
    if (session.raw !== null) this.#rawWords.set(no, Buffer.from(session.raw));
  }

  /** `state` is an index in BINDING_STATES; the id of nobody bound is null. */
  setBinding(no: number, seq: number, updatedUs: number, state: number, id: TextInPlace): void {
    const { bytes, f64, view } = this.#slab.writable(no);
    const at = this.#slab.at(no);
    f64[(at >> 3) + BINDING_SEQ] = seq;
    f64[(at >> 3) + BINDING_UPDATED] = updatedUs;
    bytes[at + STATE] = state;
    bytes[at + ID_LENGTH] = id.length > ID_BYTES ? ELSEWHERE : Math.max(0, id.length);
    if (this.#longIds.size > 0) this.#longIds.delete(no);
    if (id.length > ID_BYTES) this.#longIds.set(no, Buffer.from(textOf(id)));
    else copyText(id, view, at + ID);
  }

  /** Writes the token's field of a record. */
  writeToken(writer: Writer, no: number): void {
    const field = this.#tokenField(no);
    reserve(writer, field.length);
    writeBytes(writer, field, 0, field.length);
  }

  /** The person's token. */
  token(no: number): string {
    const field = this.#tokenField(no);
    // Behind the tag stands the length, whose last byte is the first below 128.
    return Buffer.from(field.subarray(field.findIndex((byte, i) => i > 0 && byte < 128) + 1)).toString();
  }

  #tokenField(no: number): Uint8Array {
    const length = this.#byte(no, TOKEN_LENGTH);
    if (length === ELSEWHERE) return this.#arena.get(this.#word(no, CHUNK), this.#word(no, PLACE));
    const at = this.#slab.at(no) + TOKEN;
    return this.#slab.of(no).bytes.subarray(at, at + length);
  }

  /** The id of somebody; null if none is bound. */
  deptransId(no: number): DeptransId | null {
    const id = this.#idBytes(no);
    return id.length === 0 ? null : (Buffer.from(id).toString('latin1') as DeptransId);
  }

  /** Writes the id of somebody bound as a field. */
  writeId(writer: Writer, no: number, field: number): void {
    const id = this.#idBytes(no);
    reserve(writer, id.length + 8);
    writeField(writer, field, id);
  }

  #idBytes(no: number): Uint8Array {
    const length = this.#byte(no, ID_LENGTH);
    const at = this.#slab.at(no) + ID;
    return length === ELSEWHERE ? this.#longIds.get(no)! : this.#slab.of(no).bytes.subarray(at, at + length);
  }

  #double(no: number, field: number): number {
    return this.#slab.of(no).f64[(this.#slab.at(no) >> 3) + field]!;
  }

  #word(no: number, field: number): number {
    return this.#slab.of(no).u32[(this.#slab.at(no) >> 2) + field]!;
  }

  #byte(no: number, field: number): number {
    return this.#slab.of(no).bytes[this.#slab.at(no) + field]!;
  }
}
