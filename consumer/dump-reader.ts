import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { type Copy, IN_ID } from './copy.ts';
import { bucketOf } from './digest.ts';
import { type Aside, HEAD_BYTES, MAGIC, type Meta, SECTION_BYTES, SECTIONS, VERSION } from './dump-format.ts';
import { Key } from './hash.ts';
import {
  CHUNK_ROWS,
  CHUNK_SHIFT,
  type Chunk,
  checksumOf,
  F64,
  HAS_ID,
  HAS_SESSION,
  I32,
  newChunk,
  ROW_BYTES,
  SEEN_ID,
  SEEN_SESSION,
  U8,
  USED,
} from './rows.ts';

/** Why a dump was not used. */
export class DumpUnusable extends Error {
  override readonly name = 'DumpUnusable';
}

/**
 * Loads a dump into an empty copy. Throws DumpUnusable, or what the file system says, and then the copy is still empty.
 */
export async function readDump(path: string, source: string, copy: Copy): Promise<Meta> {
  await using file = await open(path, 'r');
  const { chunks, aside, meta, end } = await readSections(file);
  if (meta.source !== source) throw new DumpUnusable('another source');
  copy.regions.adopt(meta.regions);
  copy.rows.adopt(chunks, end);
  for (const [row, texts] of aside) {
    copy.texts.keep(row, { ...texts, key: new Uint8Array(Buffer.from(texts.key, 'base64')) });
  }
  try {
    indexRows(copy);
  } catch (error) {
    copy.clear();
    throw error;
  }
  return meta;
}

type Sections = { chunks: Chunk[]; aside: Aside[]; meta: Meta; end: number };

async function readSections(file: FileHandle): Promise<Sections> {
  const read = openChecked(file);
  const head = await read(Buffer.alloc(HEAD_BYTES));
  if (!head.subarray(0, MAGIC.length).equals(MAGIC)) throw new DumpUnusable('not a dump');
  if (head.readUInt32LE(8) !== VERSION || head.readUInt32LE(12) !== ROW_BYTES)
    throw new DumpUnusable('another version');
  const chunks: Chunk[] = [];
  const aside: Aside[] = [];
  let meta: Meta | null = null;
  let end = 0;
  for (;;) {
    const before = read.sum;
    const section = await read(Buffer.alloc(SECTION_BYTES));
    const kind = section.readUInt32LE(0);
    const length = section.readUInt32LE(4);
    if (length > CHUNK_ROWS * ROW_BYTES * 64) throw new DumpUnusable('damaged');
    if (kind === SECTIONS.rows) {
      if (length % ROW_BYTES !== 0 || length > CHUNK_ROWS * ROW_BYTES) throw new DumpUnusable('damaged');
      const chunk = newChunk();
      await read(chunk.bytes.subarray(0, length));
      markRows(chunk, length / ROW_BYTES);
      end = (chunks.length << CHUNK_SHIFT) + length / ROW_BYTES;
      chunks.push(chunk);
    } else if (kind === SECTIONS.aside) aside.push(...parse<Aside[]>(await read(Buffer.alloc(length))));
    else if (kind === SECTIONS.meta) meta = parse<Meta>(await read(Buffer.alloc(length)));
    else if (kind === SECTIONS.end) {
      const told = (await read(Buffer.alloc(4))).readUInt32LE(0);
      if (told !== before || meta === null) throw new DumpUnusable('damaged');
      return { chunks, aside, meta, end };
    } else throw new DumpUnusable('damaged');
  }
}

/** A reader that keeps the checksum of all it has read. */
function openChecked(file: FileHandle) {
  const read = async <B extends Uint8Array>(into: B): Promise<B> => {
    for (let at = 0; at < into.length; ) {
      const { bytesRead } = await file.read(into, at, into.length - at);
      if (bytesRead === 0) throw new DumpUnusable('cut');
      at += bytesRead;
    }
    read.sum = crc32(into, read.sum);
    return into;
  };
  read.sum = 0;
  return read;
}

function parse<T>(bytes: Buffer): T {
  try {
    return JSON.parse(bytes.toString('utf8')) as T;
  } catch {
    throw new DumpUnusable('damaged');
  }
}

/** Which rows are used, by their flags. */
function markRows({ bytes, i32, marks, buckets }: Chunk, count: number): void {
  for (let i = 0; i < count; i++) {
    const flags = bytes[i * ROW_BYTES + U8.flags]!;
    if ((flags & (HAS_ID | HAS_SESSION)) === 0) continue;
    marks[i] = USED | (flags & HAS_ID ? SEEN_ID : 0) | (flags & HAS_SESSION ? SEEN_SESSION : 0);
    buckets[i] = bucketOf(i32[i * (ROW_BYTES / 4) + I32.lo]!);
  }
}

/** Builds the index and the digests. Each row is checked on the way. */
function indexRows(copy: Copy): void {
  const { rows, index, digests } = copy;
  index.reserve(rows.end);
  for (let row = 1; row < rows.end; row++) {
    const chunk = rows.chunk(row);
    const i = row & (CHUNK_ROWS - 1);
    if (chunk.marks[i] === 0) continue;
    const at = i * (ROW_BYTES / 4);
    if (chunk.i32[at + I32.checksum] !== checksumOf(chunk, i)) throw new DumpUnusable('damaged');
    const [lo, hi] = [chunk.i32[at + I32.lo]!, chunk.i32[at + I32.hi]!];
    if (index.find(lo, hi) !== -1 && isTwice(copy, row)) continue;
    const bits = copy.bitsOf(chunk, row);
    const f64At = i * (ROW_BYTES / 8);
    if (bits & IN_ID) digests.ids.add(lo, hi, chunk.f64[f64At + F64.idSeq]!);
    if (bits >> 4 > 0) digests.statuses.add(lo, hi, chunk.f64[f64At + F64.sessionSeq]!);
    copy.settle(row, index.add(lo, hi, row));
  }
}

/** A key that went and came again while the dump was written is in it twice: either will do, since what changed comes again. */
function isTwice(copy: Copy, row: number): boolean {
  const { key, parkLength } = copy.texts.read(row, copy.rows.chunk(row), (row & (CHUNK_ROWS - 1)) * ROW_BYTES)!;
  const probe = new Key();
  probe.take(key, 0, parkLength, parkLength + 1, key.length - parkLength - 1);
  if (copy.entryOf(probe) === -1) return false;
  copy.texts.forget(row);
  copy.rows.give(row);
  return true;
}
