import { bucketOf, Digest } from './digest.ts';
import { endsWord } from './ends.ts';
import { Key } from './hash.ts';
import { KeyIndex, MAX_ROW, rowOf } from './key-index.ts';
import { RecordReader } from './record-reader.ts';
import { RegionNames } from './region-names.ts';
import { setIdNumbers, setSessionNumbers } from './row-numbers.ts';
import { RowTexts } from './row-texts.ts';
import {
  CHUNK_ROWS,
  type Chunk,
  checksumOf,
  F64,
  HAS_ID,
  HAS_SESSION,
  I32,
  LONG,
  ROW_BYTES,
  Rows,
  SEEN_ID,
  SEEN_SESSION,
  U8,
  U16,
} from './rows.ts';

export type Kind = 'ids' | 'statuses';
export const KINDS = ['ids', 'statuses'] as const satisfies readonly Kind[];

/** Bits of an index entry: all that a check has to know of a row. The state of the binding at 2, the status of the shift at 4. */
export const IN_ID = 1;
export const IN_PERSON = 2;

/** What differs between the two records of a row. */
const PARTS = {
  ids: { flag: HAS_ID, seen: SEEN_ID, seq: F64.idSeq },
  statuses: { flag: HAS_SESSION, seen: SEEN_SESSION, seq: F64.sessionSeq },
} as const;

const F64_WORDS = ROW_BYTES / 8;
const I32_WORDS = ROW_BYTES / 4;

/** Told of each record that was taken in; `deleted`: the key has no record of that kind any more. */
export type OnRecord = (kind: Kind, key: Key, deleted: boolean) => void;

/**
 * The copy: a row for each profile with the records of both feeds, an index over the keys, and a digest of each feed.
 *
 * Records may come again and out of order: an older version of what is held changes nothing. While a snapshot of a kind is under way, what it
 * has not named yet is still shown, is replaced by whatever comes, and is dropped at the end if nothing did.
 */
export class Copy {
  readonly rows = new Rows();
  readonly index = new KeyIndex();
  readonly texts = new RowTexts();
  readonly regions = new RegionNames();
  readonly digests: Readonly<Record<Kind, Digest>> = { ids: new Digest(), statuses: new Digest() };
  readonly reader = new RecordReader();
  onRecord: OnRecord | null = null;
  readonly #key = new Key();

  /** Takes in a record from the bytes of a message and returns its row; 0 if none holds it now. Throws FrameMalformed. */
  put(kind: Kind, bytes: Uint8Array, at: number, end: number): number {
    const { reader } = this;
    if (kind === 'ids') reader.readId(bytes, at, end);
    else reader.readSession(bytes, at, end);
    const key = this.#key;
    key.take(bytes, reader.park.at, reader.park.length, reader.driver.at, reader.driver.length);
    const entry = this.entryOf(key);
    const held = entry === -1 ? 0 : rowOf(this.index.table[entry + 3]!);
    if (held !== 0 && this.#isStale(kind, held)) return held;
    const row = reader.deleted ? this.#remove(kind, held, entry) : this.#write(kind, held, entry);
    this.onRecord?.(kind, key, reader.deleted);
    return row;
  }

  /** Where the entry of exactly this key is. */
  entryOf(key: Key): number {
    const entry = this.index.find(key.lo, key.hi);
    if (entry === -1 || this.#isRowOf(key, rowOf(this.index.table[entry + 3]!))) return entry;
    return this.index.findRow(key.lo, key.hi, (row) => this.#isRowOf(key, row));
  }

  #isRowOf(key: Key, row: number): boolean {
    return this.texts.matches(row, this.rows.chunk(row), (row & (CHUNK_ROWS - 1)) * ROW_BYTES, key);
  }

  has(kind: Kind, row: number): boolean {
    const flags = this.rows.chunk(row).bytes[(row & (CHUNK_ROWS - 1)) * ROW_BYTES + U8.flags]!;
    return (flags & PARTS[kind].flag) !== 0;
  }

  seq(kind: Kind, row: number): number {
    return this.rows.chunk(row).f64[(row & (CHUNK_ROWS - 1)) * F64_WORDS + PARTS[kind].seq]!;
  }

  /** Takes a record of a kind, which the row has, out of it. */
  drop(kind: Kind, row: number): void {
    const { i32 } = this.rows.chunk(row);
    const at = (row & (CHUNK_ROWS - 1)) * I32_WORDS;
    const entry = this.index.findRow(i32[at + I32.lo]!, i32[at + I32.hi]!, (other) => other === row);
    if (this.onRecord) this.#takeKey(row);
    this.#remove(kind, row, entry);
    this.onRecord?.(kind, this.#key, true);
  }

  /** A snapshot of a kind begins: nothing of it has been named. */
  unsee(kind: Kind): void {
    const { seen } = PARTS[kind];
    for (const { marks } of this.rows.chunks) for (let i = 0; i < CHUNK_ROWS; i++) marks[i]! &= ~seen;
  }

  /** A snapshot of a kind has ended: drops what it did not name, and returns how many that were. */
  sweep(kind: Kind): number {
    const { seen } = PARTS[kind];
    let count = 0;
    for (let row = 1; row < this.rows.end; row++) {
      const mark = this.rows.chunk(row).marks[row & (CHUNK_ROWS - 1)]!;
      if (mark === 0 || (mark & seen) !== 0 || !this.has(kind, row)) continue;
      this.drop(kind, row);
      count += 1;
    }
    return count;
  }

  /** Forgets everything. */
  clear(): void {
    this.rows.clear();
    this.index.clear();
    this.texts.clear();
    for (const kind of KINDS) this.digests[kind].clear();
  }

  /** Puts a row's entry in order after the row has changed. */
  settle(row: number, entry: number): void {
    const chunk = this.rows.chunk(row);
    const word = row | (this.bitsOf(chunk, row) << 24);
    this.index.set(entry, this.endsOf(chunk, row), word, this.regionOf(chunk, row) << 16);
  }

  bitsOf({ bytes }: Chunk, row: number): number {
    const base = (row & (CHUNK_ROWS - 1)) * ROW_BYTES;
    const flags = bytes[base + U8.flags]!;
    let bits = 0;
    if (flags & HAS_ID) {
      const persons = flags & LONG ? this.texts.aside.get(row)!.idPerson.length : bytes[base + U8.person]!;
      bits = IN_ID | (persons > 0 ? IN_PERSON : 0) | (bytes[base + U8.state]! << 2);
    }
    return flags & HAS_SESSION ? bits | (bytes[base + U8.status]! << 4) : bits;
  }

  endsOf({ bytes, f64 }: Chunk, row: number): number {
    const index = row & (CHUNK_ROWS - 1);
    const hasSession = bytes[index * ROW_BYTES + U8.flags]! & HAS_SESSION;
    return endsWord(hasSession ? f64[index * F64_WORDS + F64.ended]! : Number.NaN);
  }

  regionOf({ bytes, u16 }: Chunk, row: number): number {
    const index = row & (CHUNK_ROWS - 1);
    const hasSession = bytes[index * ROW_BYTES + U8.flags]! & HAS_SESSION;
    return hasSession ? u16[index * (ROW_BYTES / 2) + U16.region]! : 0;
  }

  #takeKey(row: number): void {
    const { key, parkLength } = this.texts.read(row, this.rows.chunk(row), (row & (CHUNK_ROWS - 1)) * ROW_BYTES)!;
    this.#key.take(key, 0, parkLength, parkLength + 1, key.length - parkLength - 1);
  }

  #isStale(kind: Kind, row: number): boolean {
    const { flag, seen, seq } = PARTS[kind];
    const chunk = this.rows.chunk(row);
    const index = row & (CHUNK_ROWS - 1);
    if ((chunk.bytes[index * ROW_BYTES + U8.flags]! & flag) === 0) return false;
    if ((chunk.marks[index]! & seen) === 0) return false;
    return this.reader.seq < chunk.f64[index * F64_WORDS + seq]!;
  }

  #write(kind: Kind, held: number, heldEntry: number): number {
    const { flag, seen, seq } = PARTS[kind];
    const { reader } = this;
    const key = this.#key;
    const row = held === 0 ? this.#newRow() : held;
    const chunk = this.rows.chunk(row);
    const index = row & (CHUNK_ROWS - 1);
    const base = index * ROW_BYTES;
    const digest = this.digests[kind];
    if (chunk.bytes[base + U8.flags]! & flag) digest.remove(key.lo, key.hi, chunk.f64[index * F64_WORDS + seq]!);
    digest.add(key.lo, key.hi, reader.seq);
    if (kind === 'ids') {
      this.texts.setId(row, chunk, base, key, reader);
      setIdNumbers(chunk, index, reader);
    } else {
      this.texts.setSession(row, chunk, base, key, reader);
      const { at, length } = reader.region;
      setSessionNumbers(chunk, index, reader, this.regions.numberIn(reader.bytes, at, length));
    }
    chunk.marks[index]! |= seen;
    chunk.i32[index * I32_WORDS + I32.checksum] = checksumOf(chunk, index);
    this.settle(row, held === 0 ? this.index.add(key.lo, key.hi, row) : heldEntry);
    return row;
  }

  #newRow(): number {
    const row = this.rows.take();
    if (row > MAX_ROW) throw new RangeError(`more than ${MAX_ROW} profiles`);
    const chunk = this.rows.chunk(row);
    const index = row & (CHUNK_ROWS - 1);
    chunk.i32[index * I32_WORDS + I32.lo] = this.#key.lo;
    chunk.i32[index * I32_WORDS + I32.hi] = this.#key.hi;
    chunk.buckets[index] = bucketOf(this.#key.lo);
    return row;
  }

  /** Takes the record of a kind out of a row, and the row with it if it was the last. Returns the row that is left, or 0. */
  #remove(kind: Kind, row: number, entry: number): number {
    if (row === 0) return 0;
    const { flag, seq } = PARTS[kind];
    const chunk = this.rows.chunk(row);
    const index = row & (CHUNK_ROWS - 1);
    const base = index * ROW_BYTES;
    const at = index * I32_WORDS;
    if ((chunk.bytes[base + U8.flags]! & flag) === 0) return row;
    this.digests[kind].remove(chunk.i32[at + I32.lo]!, chunk.i32[at + I32.hi]!, chunk.f64[index * F64_WORDS + seq]!);
    chunk.bytes[base + U8.flags]! &= ~flag;
    if ((chunk.bytes[base + U8.flags]! & (HAS_ID | HAS_SESSION)) === 0) {
      this.index.remove(entry);
      this.texts.forget(row);
      this.rows.give(row);
      return 0;
    }
    chunk.f64[index * F64_WORDS + seq] = 0;
    this.texts.drop(row, chunk, base, flag);
    chunk.i32[at + I32.checksum] = checksumOf(chunk, index);
    this.settle(row, entry);
    return row;
  }
}
