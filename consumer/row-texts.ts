import { crc32 } from 'node:zlib';
import { shareOf, shareOfBytes } from '../verdict/share.ts';
import type { Key } from './hash.ts';
import type { RecordReader, Span } from './record-reader.ts';
import { type Chunk, HAS_ID, HAS_SESSION, LONG, ROW_BYTES, TEXT_BYTES, U8 } from './rows.ts';

/** The texts of a row, taken apart. */
export type Texts = {
  /** UTF-8 of park, a zero byte, UTF-8 of driver. */
  key: Uint8Array;
  parkLength: number;
  idPerson: string;
  deptransId: string;
  sessionPerson: string;
  raw: string;
};

const utf8 = (bytes: Uint8Array, at: number, length: number): string =>
  length === 0 ? '' : Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('utf8');

export const spanText = ({ bytes }: RecordReader, { at, length }: Span): string => utf8(bytes, at, length);

/**
 * Reads and writes the texts of rows. Nearly always they lie in the row itself, and a change of one feed leaves those of the other alone;
 * what does not fit, and the regulator's unknown words, is kept aside.
 */
export class RowTexts {
  readonly #aside = new Map<number, Texts>();
  /** A checksum of each of them. */
  readonly #sums = new Map<number, number>();

  /** Those that are kept aside, by row. */
  get aside(): ReadonlyMap<number, Texts> {
    return this.#aside;
  }

  matches(row: number, { bytes }: Chunk, base: number, key: Key): boolean {
    const parks = key.parkLength;
    const drivers = key.length - parks - 1;
    const aside = this.#aside.size > 0 ? this.#aside.get(row) : undefined;
    if (aside) {
      if (aside.parkLength !== parks || aside.key.length !== key.length) return false;
      return Buffer.compare(aside.key, key.bytes.subarray(0, key.length)) === 0;
    }
    if (bytes[base + U8.park] !== parks || bytes[base + U8.driver] !== drivers) return false;
    const at = base + U8.text;
    for (let i = 0; i < parks; i++) if (bytes[at + i] !== key.bytes[i]) return false;
    for (let i = 0; i < drivers; i++) if (bytes[at + parks + i] !== key.bytes[parks + 1 + i]) return false;
    return true;
  }

  /** The texts of a record of ids. `key` is the row's. */
  setId(row: number, chunk: Chunk, base: number, key: Key, reader: RecordReader): void {
    if (this.#setPlain(chunk, base, key, reader, HAS_SESSION, reader.deptransId)) return;
    const texts = this.read(row, chunk, base) ?? emptyTexts(key);
    texts.idPerson = spanText(reader, reader.person);
    texts.deptransId = spanText(reader, reader.deptransId);
    this.#store(row, chunk, base, texts, HAS_ID);
  }

  /** The texts of a record of shifts. */
  setSession(row: number, chunk: Chunk, base: number, key: Key, reader: RecordReader): void {
    if (reader.raw.length === 0 && this.#setPlain(chunk, base, key, reader, HAS_ID, null)) return;
    const texts = this.read(row, chunk, base) ?? emptyTexts(key);
    texts.sessionPerson = spanText(reader, reader.person);
    texts.raw = spanText(reader, reader.raw);
    this.#store(row, chunk, base, texts, HAS_SESSION);
  }

  /** Forgets what the record of one feed said; its flag is gone already. */
  drop(row: number, chunk: Chunk, base: number, part: typeof HAS_ID | typeof HAS_SESSION): void {
    const texts = this.read(row, chunk, base)!;
    if (part === HAS_ID) texts.idPerson = texts.deptransId = '';
    else texts.sessionPerson = texts.raw = '';
    this.#store(row, chunk, base, texts, 0);
  }

  forget(row: number): void {
    this.#aside.delete(row);
    this.#sums.delete(row);
  }

  /** Whether what is kept aside for a row is what was put there. */
  isSound(row: number): boolean {
    const texts = this.#aside.get(row);
    return texts !== undefined && this.#sums.get(row) === sumOf(texts);
  }

  /** Puts back what was dumped. */
  keep(row: number, texts: Texts): void {
    this.#aside.set(row, texts);
    this.#sums.set(row, sumOf(texts));
  }

  clear(): void {
    this.#aside.clear();
    this.#sums.clear();
  }

  /** A copy of all texts; null for a row that has none yet. */
  read(row: number, { bytes }: Chunk, base: number): Texts | null {
    const flags = bytes[base + U8.flags]!;
    if (flags & LONG) return { ...this.#aside.get(row)! };
    const parks = bytes[base + U8.park]!;
    const drivers = bytes[base + U8.driver]!;
    if (parks + drivers === 0) return null;
    const at = base + U8.text;
    const key = new Uint8Array(parks + 1 + drivers);
    key.set(bytes.subarray(at, at + parks));
    key.set(bytes.subarray(at + parks, at + parks + drivers), parks + 1);
    const personAt = at + parks + drivers;
    const person = utf8(bytes, personAt, bytes[base + U8.person]!);
    return {
      key,
      parkLength: parks,
      idPerson: flags & HAS_ID ? person : '',
      deptransId: utf8(bytes, personAt + bytes[base + U8.person]!, bytes[base + U8.deptransId]!),
      sessionPerson: flags & HAS_SESSION ? person : '',
      raw: '',
    };
  }

  /** The person whom the record of ids names; empty if nobody. */
  idPerson(row: number, { bytes }: Chunk, base: number): string {
    const flags = bytes[base + U8.flags]!;
    if (flags & LONG) return this.#aside.get(row)!.idPerson;
    return flags & HAS_ID ? utf8(bytes, personAtOf(bytes, base), bytes[base + U8.person]!) : '';
  }

  /** The share of that person, without allocating where the row holds the texts. */
  share(row: number, { bytes }: Chunk, base: number): number {
    if (bytes[base + U8.flags]! & LONG) return shareOf(this.#aside.get(row)!.idPerson);
    return shareOfBytes(bytes, personAtOf(bytes, base), bytes[base + U8.person]!);
  }

  /** The usual case, without allocating: false if it is another. `deptransId` null leaves the row's alone. */
  #setPlain(
    chunk: Chunk,
    base: number,
    key: Key,
    reader: RecordReader,
    other: number,
    deptransId: Span | null,
  ): boolean {
    const { bytes } = chunk;
    const flags = bytes[base + U8.flags]!;
    if (flags & LONG) return false;
    const parks = key.parkLength;
    const drivers = key.length - parks - 1;
    const { person } = reader;
    const persons = bytes[base + U8.person]!;
    const ids = deptransId ? deptransId.length : bytes[base + U8.deptransId]!;
    const personAt = parks + drivers;
    if (personAt + person.length + ids > TEXT_BYTES) return false;
    const at = base + U8.text;
    if (flags & other) {
      if (person.length !== persons) return false;
      for (let i = 0; i < persons; i++) if (bytes[at + personAt + i] !== reader.bytes[person.at + i]) return false;
    } else {
      bytes[base + U8.park] = parks;
      bytes[base + U8.driver] = drivers;
      bytes[base + U8.person] = person.length;
      for (let i = 0; i < parks; i++) bytes[at + i] = key.bytes[i]!;
      for (let i = 0; i < drivers; i++) bytes[at + parks + i] = key.bytes[parks + 1 + i]!;
      for (let i = 0; i < person.length; i++) bytes[at + personAt + i] = reader.bytes[person.at + i]!;
    }
    if (deptransId) {
      bytes[base + U8.deptransId] = ids;
      const idAt = at + personAt + person.length;
      for (let i = 0; i < ids; i++) bytes[idAt + i] = reader.bytes[deptransId.at + i]!;
    }
    return true;
  }

  /** Into the row if they fit, else aside. `adding`: the record that the row is about to have. */
  #store(row: number, { bytes }: Chunk, base: number, texts: Texts, adding: number): void {
    const parts = (bytes[base + U8.flags]! & (HAS_ID | HAS_SESSION)) | adding;
    const person = Buffer.from(parts & HAS_ID ? texts.idPerson : texts.sessionPerson);
    const deptransId = Buffer.from(texts.deptransId);
    const keyBytes = texts.key.length - 1;
    const agree = parts !== (HAS_ID | HAS_SESSION) || texts.idPerson === texts.sessionPerson;
    bytes.fill(0, base + U8.text, base + ROW_BYTES);
    bytes.fill(0, base + U8.park, base + U8.deptransId + 1);
    if (!agree || texts.raw !== '' || keyBytes + person.length + deptransId.length > TEXT_BYTES) {
      bytes[base + U8.flags]! |= LONG;
      this.keep(row, texts);
      return;
    }
    bytes[base + U8.flags]! &= ~LONG;
    this.forget(row);
    const at = base + U8.text;
    const parks = texts.parkLength;
    bytes.set(texts.key.subarray(0, parks), at);
    bytes.set(texts.key.subarray(parks + 1), at + parks);
    bytes.set(person, at + keyBytes);
    bytes.set(deptransId, at + keyBytes + person.length);
    bytes[base + U8.park] = parks;
    bytes[base + U8.driver] = keyBytes - parks;
    bytes[base + U8.person] = person.length;
    bytes[base + U8.deptransId] = deptransId.length;
  }
}

function personAtOf(bytes: Uint8Array, base: number): number {
  return base + U8.text + bytes[base + U8.park]! + bytes[base + U8.driver]!;
}

function sumOf({ key, parkLength, idPerson, deptransId, sessionPerson, raw }: Texts): number {
  const texts = [parkLength, idPerson, deptransId, sessionPerson, raw].join('\u0000');
  return crc32(texts, crc32(key));
}

function emptyTexts(key: Key): Texts {
  const bytes = key.bytes.slice(0, key.length);
  return { key: bytes, parkLength: key.parkLength, idPerson: '', deptransId: '', sessionPerson: '', raw: '' };
}
