import type { Arena } from './arena.ts';
import type { KeyEncoder } from './key-encoder.ts';
import { openSlab } from './slab.ts';
import { reserve, type Writer, writeBytes } from './wire.ts';

const SEQ = 0;
const PERSON = 2;
const NEXT = 3;
const LO = 4;
const HI = 5;
const KEY_LENGTH = 24;
const DELETED = 25;
const KEY = 26;
const KEY_BYTES = 70;
const CHUNK = 7;
const PLACE = 8;
const ELSEWHERE = 255;

/**
 * Profiles as slots of 96 bytes under their profile_no:
 *
 *   0  f64  seq; 0 = no such profile
 *   8  u32  person_no; 0 = none
 *   12 u32  the person's next profile
 *   16 u32  hash of the key, lane lo
 *   20 u32  hash of the key, lane hi
 *   24 u8   length of the key; 255 = in the arena, at the words 28 (chunk) and 32 (place)
 *   25 u8   1 = deleted
 *   26 70B  the key as it goes on the wire: fields 1 and 2 of either record
 */
export class ProfileSlots {
  readonly #slab = openSlab(96);
  readonly #arena: Arena;
  /** By number, the bucket of the digest that the key falls into: a byte each, so that one bucket is found without touching every slot. */
  #buckets = new Uint8Array(1 << 14);

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
    if (end > this.#buckets.length) this.#widenBuckets(end);
  }

  seq(no: number): number {
    return this.#slab.of(no).f64[(this.#slab.at(no) >> 3) + SEQ]!;
  }

  person(no: number): number {
    return this.#word(no, PERSON);
  }

  next(no: number): number {
    return this.#word(no, NEXT);
  }

  hashLo(no: number): number {
    return this.#word(no, LO);
  }

  hashHi(no: number): number {
    return this.#word(no, HI);
  }

  isDeleted(no: number): boolean {
    return this.#slab.of(no).bytes[this.#slab.at(no) + DELETED] === 1;
  }

  /** The profiles whose keys fall into a bucket of the digest. */
  *inBucket(bucket: number): Generator<number, void, void> {
    const used = this.#buckets.subarray(0, this.end);
    for (let no = used.indexOf(bucket); no !== -1; no = used.indexOf(bucket, no + 1)) {
      if (this.seq(no) > 0) yield no;
    }
  }

  setNext(no: number, next: number): void {
    this.#setWord(no, NEXT, next);
  }

  setState(no: number, seq: number, person: number, deleted: boolean): void {
    const segment = this.#slab.writable(no);
    const at = this.#slab.at(no);
    segment.f64[(at >> 3) + SEQ] = seq;
    segment.u32[(at >> 2) + PERSON] = person;
    segment.bytes[at + DELETED] = deleted ? 1 : 0;
  }

  /** Sets the key; a profile's never changes. */
  setKey(no: number, key: KeyEncoder): void {
    const { bytes, u32, view } = this.#slab.writable(no);
    const at = this.#slab.at(no);
    const { lo, hi, fieldSize } = key;
    u32[(at >> 2) + LO] = lo;
    u32[(at >> 2) + HI] = hi;
    this.#setBucket(no, lo & 255);
    if (fieldSize <= KEY_BYTES) {
      bytes[at + KEY_LENGTH] = fieldSize;
      key.writeField(view, at + KEY);
      return;
    }
    const field = key.field();
    const stored = this.#arena.put(field.bytes.subarray(0, field.at));
    bytes[at + KEY_LENGTH] = ELSEWHERE;
    u32[(at >> 2) + CHUNK] = stored.chunk;
    u32[(at >> 2) + PLACE] = stored.at;
  }

  keyEquals(no: number, { bytes: key, at: keyLength }: Readonly<Writer>): boolean {
    const { bytes, start, length } = this.#key(no);
    if (length !== keyLength) return false;
    for (let i = 0; i < length; i++) if (bytes[start + i] !== key[i]) return false;
    return true;
  }

  writeKey(writer: Writer, no: number): void {
    const { bytes, start, length } = this.#key(no);
    reserve(writer, length);
    writeBytes(writer, bytes, start, length);
  }

  /** Where the key is: not a copy. */
  #key(no: number): { bytes: Uint8Array; start: number; length: number } {
    const { bytes } = this.#slab.of(no);
    const at = this.#slab.at(no);
    const length = bytes[at + KEY_LENGTH]!;
    if (length !== ELSEWHERE) return { bytes, start: at + KEY, length };
    const stored = this.#arena.get(this.#word(no, CHUNK), this.#word(no, PLACE));
    return { bytes: stored, start: 0, length: stored.length };
  }

  #setBucket(no: number, bucket: number): void {
    if (no >= this.#buckets.length) this.#widenBuckets(Math.max(this.#buckets.length * 2, no + 1));
    this.#buckets[no] = bucket;
  }

  #widenBuckets(length: number): void {
    const wider = new Uint8Array(length);
    wider.set(this.#buckets);
    this.#buckets = wider;
  }

  #word(no: number, field: number): number {
    return this.#slab.of(no).u32[(this.#slab.at(no) >> 2) + field]!;
  }

  #setWord(no: number, field: number, value: number): void {
    this.#slab.writable(no).u32[(this.#slab.at(no) >> 2) + field] = value;
  }
}
