import type { Copy } from './copy.ts';
import { BUCKETS, Digest } from './digest.ts';
import { bitsOf, regionIn, shareIn } from './key-index.ts';
import { CHUNK_ROWS, checksumOf, F64, HAS_ID, HAS_SESSION, I32, ROW_BYTES, U8 } from './rows.ts';

/** Rows that are looked at in one go, about; one bucket at least. */
const ROWS_AT_ONCE = 4_096;

/** Rows whose checksums are looked at in one go. */
const SWEPT_AT_ONCE = 131_072;

/** More damaged buckets than this mean that everything is looked at. */
const FEW = 16;

/**
 * Looks for what has changed by itself. `sweep` goes over all rows again and again, each against its checksum. `step` looks at a part of the
 * buckets more closely: also each row's entry against the row, and the kept digest against one made anew. What is damaged is thrown away and
 * the digest says so: the next comparison with the service finds the gap, and mends it.
 */
export class Inspector {
  /** Rows that were thrown away. */
  damaged = 0;
  /** Buckets whose kept digest was not that of the rows. */
  misadded = 0;
  #next = 0;
  #swept = 0;
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
  }

  /**
   * Looks at the checksums of the next part of the rows, of which there are `parts` (more if the copy is very large); a bucket with a damaged row is
   * inspected at once.
   */
  sweep(parts: number): void {
    const { rows } = this.#copy;
    const from = this.#swept < rows.end ? this.#swept : 0;
    const to = Math.min(rows.end, from + Math.min(SWEPT_AT_ONCE, Math.ceil(rows.end / parts)));
    this.#swept = to;
    const damaged = new Set<number>();
    for (let row = Math.max(1, from); row < to; row++) {
      const chunk = rows.chunk(row);
      const index = row & (CHUNK_ROWS - 1);
      if (chunk.marks[index] === 0) continue;
      if (chunk.i32[index * (ROW_BYTES / 4) + I32.checksum] !== checksumOf(chunk, index)) {
        damaged.add(chunk.buckets[index]!);
      }
    }
    if (damaged.size > FEW) this.all();
    else for (const bucket of damaged) this.#inspect(bucket, 1);
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

  /** Nothing in the row can be trusted, its hash neither: its entry is searched for. */
  #discard(row: number): void {
    const copy = this.#copy;
    const entry = copy.index.search(row);
    if (entry !== -1) copy.index.remove(entry);
    copy.texts.forget(row);
    copy.rows.give(row);
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
