/**
 * Rows of 176 bytes, one for each profile, with what both feeds say of it: numbers first, then the texts one after the other.
 *
 *   0  f64  id: seq; 0 = no record          40 i32  hash of the key, low lane
 *   8  f64  id: updated, µs                 44 i32  hash of the key, high lane
 *   16 f64  session: seq; 0 = no record     48 i32  checksum of the rest of the row
 *   24 f64  session: updated, µs            52 u16  session: number of the region
 *   32 f64  session: ends, µs               54 u8   length of the park's id, 55 of the driver's, 56 of the person's token, 57 of the deptrans id
 *                                           58 u8   session: status; 59 flags; 60 binding: state; 61-63 nothing
 *   64 112B park, driver, person, deptrans id
 *
 * Times that are not known are NaN. A row whose texts do not fit, or whose two records name different people, keeps them aside (LONG).
 * Rows live in chunks that never move, so that the memory grows without a copy.
 */
export const ROW_BYTES = 176;
export const CHUNK_SHIFT = 13;
export const CHUNK_ROWS = 1 << CHUNK_SHIFT;
export const TEXT_BYTES = 112;

/** Offsets in words of their size. */
export const F64 = { idSeq: 0, idUpdated: 1, sessionSeq: 2, sessionUpdated: 3, ended: 4 } as const;
export const I32 = { lo: 10, hi: 11, checksum: 12 } as const;
export const U16 = { region: 26 } as const;
export const U8 = {
  park: 54,
  driver: 55,
  person: 56,
  deptransId: 57,
  status: 58,
  flags: 59,
  state: 60,
  text: 64,
} as const;

/** Bits of the flags. */
export const HAS_ID = 1;
export const HAS_SESSION = 2;
export const BOUND = 4;
export const ESTIMATE = 8;
export const LONG = 16;

/** Bits of the marks beside a row. */
export const USED = 1;
export const SEEN_ID = 2;
export const SEEN_SESSION = 4;

export type Chunk = {
  readonly bytes: Uint8Array;
  readonly f64: Float64Array;
  readonly i32: Int32Array;
  readonly u16: Uint16Array;
  /** Of each row: whether it is used, and whether the snapshot under way has named it. */
  readonly marks: Uint8Array;
  /** Of each row: its bucket of the digest. */
  readonly buckets: Uint8Array;
};

export function newChunk(): Chunk {
  const buffer = new ArrayBuffer(CHUNK_ROWS * ROW_BYTES);
  return {
    bytes: new Uint8Array(buffer),
    f64: new Float64Array(buffer),
    i32: new Int32Array(buffer),
    u16: new Uint16Array(buffer),
    marks: new Uint8Array(CHUNK_ROWS),
    buckets: new Uint8Array(CHUNK_ROWS),
  };
}

export class Rows {
  readonly chunks: Chunk[] = [];
  readonly #free: number[] = [];
  /** The first number that was never given. Row 0 is nobody's. */
  #end = 1;

  get end(): number {
    return this.#end;
  }

  /** Rows that are used. */
  get count(): number {
    return this.#end - 1 - this.#free.length;
  }

  chunk(row: number): Chunk {
    return this.chunks[row >> CHUNK_SHIFT]!;
  }

  /** A row of zeros. */
  take(): number {
    const row = this.#free.pop() ?? this.#end++;
    if (row >> CHUNK_SHIFT >= this.chunks.length) this.chunks.push(newChunk());
    this.chunk(row).marks[row & (CHUNK_ROWS - 1)] = USED;
    return row;
  }

  give(row: number): void {
    const chunk = this.chunk(row);
    const index = row & (CHUNK_ROWS - 1);
    chunk.marks[index] = 0;
    chunk.bytes.fill(0, index * ROW_BYTES, (index + 1) * ROW_BYTES);
    this.#free.push(row);
  }

  isUsed(row: number): boolean {
    return this.chunk(row).marks[row & (CHUNK_ROWS - 1)] !== 0;
  }

  /** Takes over rows as they were dumped; those that are used are told by their marks. */
  adopt(chunks: readonly Chunk[], end: number): void {
    this.clear();
    this.chunks.push(...chunks);
    this.#end = end;
    for (let row = end - 1; row > 0; row--) if (!this.isUsed(row)) this.#free.push(row);
  }

  clear(): void {
    this.chunks.length = 0;
    this.#free.length = 0;
    this.#end = 1;
  }
}

const WORDS = ROW_BYTES / 4;
const ODD = 0x9e3779b1;

/**
 * The checksum of a row as it is now, without what is kept aside. Four lanes, which the processor works on side by side: all rows are looked at
 * every two seconds.
 */
export function checksumOf({ i32 }: Chunk, index: number): number {
  const start = index * WORDS;
  let a = 0x2545f491;
  let b = 0x1b873593;
  let c = 0x0cc9e2d5;
  let d = 0x4f6cdd1d;
  for (let i = 0; i < WORDS; i += 4) {
    const at = start + i;
    a = mixed(a, i === I32.checksum ? 0 : i32[at]!);
    b = mixed(b, i32[at + 1]!);
    c = mixed(c, i32[at + 2]!);
    d = mixed(d, i32[at + 3]!);
  }
  return mixed(mixed(mixed(a, b), c), d);
}

function mixed(h: number, word: number): number {
  const product = Math.imul(h ^ word, ODD);
  return product ^ (product >>> 15);
}
