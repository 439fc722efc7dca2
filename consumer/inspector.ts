import type { Copy } from './copy.ts';
import { BUCKETS, Digest } from './digest.ts';
import { bitsOf, regionIn, rowOf, shareIn, WORDS } from './key-index.ts';
import { CHUNK_ROWS, type Chunk, checksumOf, F64, HAS_ID, HAS_SESSION, I32, LONG, ROW_BYTES, U8 } from './rows.ts';
import { blockOf } from './word-sums.ts';

/** Rows that are looked at in one go, about; one bucket at least. */
const ROWS_AT_ONCE = 4_096;

/** Rows whose checksums are looked at in one go. */
const SWEPT_AT_ONCE = 131_072;
/** Blocks of the index that are: those of as many rows. */
const BLOCKS_AT_ONCE = 512;

/** More damaged buckets than this mean that everything is looked at. */
const FEW = 16;

/**
 * Looks for what has changed by itself. `sweep` goes over all rows and over the index again and again, by their checksums. `step` looks at a part of
 * the buckets more closely: each row's entry against the row, and the kept digest against one made anew. What is damaged is thrown away and
 * the digest says so: the next comparison with the service finds the gap, and mends it.
 */
export class Inspector {
  /** Rows that were thrown away. */
  damaged = 0;
  /** Buckets whose kept digest was not that of the rows. */
  misadded = 0;
  #next = 0;
  #swept = 0;
  #sweptBlocks = 0;
  readonly #copy: Copy;

  constructor(copy: Copy) {
    this.#copy = copy;
  }

  /** Inspects the next buckets: all of them, if the copy is small. */
  step(): void {
    const perBucket = this.#copy.rows.end / BUCKETS;
    const count = Math.min(BUCKETS, Math.max(1, Math.floor(ROWS_AT_ONCE / perBucket)));
    const first = this.#next;
    this.#next = first + count >= BUCKETS ? 0 : first + count;
    this.#inspect(first, count);
  }

  /** Inspects every bucket. */
  all(): void {
    this.#next = 0;
    do this.step();
    while (this.#next !== 0);
    this.#acceptBroken(0, this.#copy.index.blocks);
    this.#dropStrays(() => true);
  }

  /**
   * Looks at the checksums of the next part of the rows and of the index, of which there are `parts` (more if the copy is very large); a bucket with a
   * damaged row or entry is inspected at once.
   */
  sweep(parts: number): void {
    const damaged = this.#sweepRows(parts);
    const broken = this.#sweepIndex(parts);
    if (broken.size > 0) this.#addRowsOf(broken, damaged);
    if (damaged.size > FEW) this.all();
    else for (const bucket of damaged) this.#inspect(bucket, 1);
    if (broken.size > 0) this.#dropStrays((block) => broken.has(block));
  }

  /** Buckets with damaged rows. */
  #sweepRows(parts: number): Set<number> {
    const { rows, texts } = this.#copy;
    const from = this.#swept < rows.end ? this.#swept : 0;
    const to = Math.min(rows.end, from + Math.min(SWEPT_AT_ONCE, Math.ceil(rows.end / parts)));
    this.#swept = to;
    const damaged = new Set<number>();
    for (let row = Math.max(1, from); row < to; row++) {
      const chunk = rows.chunk(row);
      const index = row & (CHUNK_ROWS - 1);
      if (chunk.marks[index] === 0) continue;
      const isSound = chunk.i32[index * (ROW_BYTES / 4) + I32.checksum] === checksumOf(chunk, index);
      if (!isSound || (isLong(chunk, index) && !texts.isSound(row))) damaged.add(chunk.buckets[index]!);
    }
    return damaged;
  }

  /** Blocks of the index that do not fit their sums. They are taken as they are: what is wrong in them, the rows tell. */
  #sweepIndex(parts: number): Set<number> {
    const { index } = this.#copy;
    const from = this.#sweptBlocks < index.blocks ? this.#sweptBlocks : 0;
    const to = Math.min(index.blocks, from + Math.min(BLOCKS_AT_ONCE, Math.ceil(index.blocks / parts)));
    this.#sweptBlocks = to;
    return this.#acceptBroken(from, to);
  }

  #acceptBroken(from: number, to: number): Set<number> {
    const { index } = this.#copy;
    const broken = new Set<number>();
    for (let block = from; block < to; block++) if (!index.isSound(block)) broken.add(block);
    if (broken.size > 0) index.accept(broken);
    return broken;
  }

  /** Adds the buckets of rows whose entries must be in these blocks and are not as they should be. An entry may be pushed on into the next block. */
  #addRowsOf(blocks: ReadonlySet<number>, buckets: Set<number>): void {
    const { rows, index } = this.#copy;
    for (let row = 1; row < rows.end; row++) {
      const chunk = rows.chunk(row);
      const at = row & (CHUNK_ROWS - 1);
      if (chunk.marks[at] === 0) continue;
      const home = index.homeOf(chunk.i32[at * (ROW_BYTES / 4) + I32.hi]!);
      if (!blocks.has(home) && !blocks.has((home + 1) % index.blocks)) continue;
      if (!this.#isSound(row)) buckets.add(chunk.buckets[at]!);
    }
  }

  /** Takes out the entries in some blocks that lead to no row of their hash. */
  #dropStrays(isMeant: (block: number) => boolean): void {
    const { index } = this.#copy;
    for (let at = 0; at < index.table.length; at += WORDS) {
      if (!isMeant(blockOf(at)) && !isMeant(blockOf(at + WORDS - 1))) continue;
      // Another entry may take the place of the one that goes.
      while (index.table[at + 3] !== 0 && this.#isStray(at)) index.remove(at);
    }
  }

  #isStray(at: number): boolean {
    const { rows, index } = this.#copy;
    const { table } = index;
    const row = rowOf(table[at + 3]!);
    if (row === 0 || row >= rows.end || !rows.isUsed(row)) return true;
    const { i32 } = rows.chunk(row);
    const words = (row & (CHUNK_ROWS - 1)) * (ROW_BYTES / 4);
    return i32[words + I32.lo] !== table[at] || i32[words + I32.hi] !== table[at + 1];
  }

  #inspect(first: number, count: number): void {
    const copy = this.#copy;
    const fresh = { ids: new Digest(), statuses: new Digest() };
    const bad: number[] = [];
    for (let row = 1; row < copy.rows.end; row++) {
      const { buckets, marks } = copy.rows.chunk(row);
      const index = row & (CHUNK_ROWS - 1);
      if (((buckets[index]! - first) & (BUCKETS - 1)) >= count || marks[index] === 0) continue;
      if (this.#isSound(row)) this.#add(row, fresh);
      else bad.push(row);
    }
    for (const row of bad) this.#discard(row);
    for (let i = 0; i < count; i++) this.#setRight((first + i) % BUCKETS, fresh);
  }

  #isSound(row: number): boolean {
    const copy = this.#copy;
    const chunk = copy.rows.chunk(row);
    const index = row & (CHUNK_ROWS - 1);
    const at = index * (ROW_BYTES / 4);
    if (chunk.i32[at + I32.checksum] !== checksumOf(chunk, index)) return false;
    if (isLong(chunk, index) && !copy.texts.isSound(row)) return false;
    const lo = chunk.i32[at + I32.lo]!;
    if ((lo & 255) !== chunk.buckets[index]) return false;
    const entry = copy.index.findRow(lo, chunk.i32[at + I32.hi]!, (other) => other === row);
    if (entry === -1) return false;
    const { table } = copy.index;
    const seldom = table[entry + 4]!;
    const share = shareIn(seldom);
    if (share !== -1 && share !== copy.texts.share(row, chunk, index * ROW_BYTES)) return false;
    if (regionIn(seldom) !== copy.regionOf(chunk, row)) return false;
    return table[entry + 2] === copy.endsOf(chunk, row) && bitsOf(table[entry + 3]!) === copy.bitsOf(chunk, row);
  }

  #add(row: number, fresh: Record<'ids' | 'statuses', Digest>): void {
    const chunk = this.#copy.rows.chunk(row);
    const index = row & (CHUNK_ROWS - 1);
    const at = index * (ROW_BYTES / 4);
    const [lo, hi] = [chunk.i32[at + I32.lo]!, chunk.i32[at + I32.hi]!];
    const flags = chunk.bytes[index * ROW_BYTES + U8.flags]!;
    const f64At = index * (ROW_BYTES / 8);
    if (flags & HAS_ID) fresh.ids.add(lo, hi, chunk.f64[f64At + F64.idSeq]!);
    if (flags & HAS_SESSION) fresh.statuses.add(lo, hi, chunk.f64[f64At + F64.sessionSeq]!);
  }

  /** Nothing in the row can be trusted, its hash neither: its entry is searched for. If it is the entry that leads elsewhere, the hash finds that. */
  #discard(row: number): void {
    const { index, rows, texts } = this.#copy;
    const entry = index.search(row);
    if (entry !== -1) index.remove(entry);
    const { i32 } = rows.chunk(row);
    const at = (row & (CHUNK_ROWS - 1)) * (ROW_BYTES / 4);
    const other = index.find(i32[at + I32.lo]!, i32[at + I32.hi]!);
    if (other !== -1 && this.#isStray(other)) index.remove(other);
    texts.forget(row);
    rows.give(row);
    this.damaged += 1;
  }

  #setRight(bucket: number, fresh: Record<'ids' | 'statuses', Digest>): void {
    for (const kind of ['ids', 'statuses'] as const) {
      const kept = this.#copy.digests[kind];
      if (kept.equalsBucket(bucket, fresh[kind])) continue;
      kept.copyBucket(bucket, fresh[kind]);
      this.misadded += 1;
    }
  }
}

function isLong({ bytes }: Chunk, index: number): boolean {
  return (bytes[index * ROW_BYTES + U8.flags]! & LONG) !== 0;
}
