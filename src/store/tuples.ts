/**
 * The tuples of a binary COPY, read in place: `bytes` holds the whole tuple, the value of field i begins at `at(i)` and is `length(i)` bytes
 * long, -1 for null. Valid until the next tuple.
 */
export class Tuple {
  bytes: Buffer = Buffer.alloc(0);
  readonly #at: Int32Array;
  readonly #lengths: Int32Array;

  constructor(fields: number) {
    this.#at = new Int32Array(fields);
    this.#lengths = new Int32Array(fields);
  }

  /** Reads the tuple at `from`; returns where it ends, or -1 if it is not all there. */
  read(bytes: Buffer, from: number): number {
    this.bytes = bytes;
    let at = from + 2;
    for (let i = 0; i < this.#at.length; i++) {
      if (at + 4 > bytes.length) return -1;
      const length = bytes.readInt32BE(at);
      this.#at[i] = at + 4;
      this.#lengths[i] = length;
      at += 4 + Math.max(0, length);
    }
    return at <= bytes.length ? at : -1;
  }

  isNull(field: number): boolean {
    return this.#lengths[field] === -1;
  }

  bool(field: number): boolean {
    return this.bytes[this.#at[field]!] === 1;
  }

  int4(field: number): number {
    return this.bytes.readInt32BE(this.#at[field]!);
  }

  /** Exact up to 2^53. */
  int8(field: number): number {
    const at = this.#at[field]!;
    return this.bytes.readInt32BE(at) * 0x1_0000_0000 + this.bytes.readUInt32BE(at + 4);
  }

  text(field: number): string {
    const at = this.#at[field]!;
    return this.bytes.toString('utf8', at, at + this.#lengths[field]!);
  }

  /** A timestamptz as microseconds since 1970; `Infinity` and `-Infinity` as PostgreSQL means them. */
  micros(field: number): number {
    const since2000 = this.int8(field);
    if (since2000 >= INFINITE) return Number.POSITIVE_INFINITY;
    return since2000 <= -INFINITE ? Number.NEGATIVE_INFINITY : since2000 + EPOCH_US;
  }
}

const EPOCH_US = 946_684_800_000_000; // 2000-01-01, where PostgreSQL counts from
const INFINITE = 2 ** 63;
const HEADER_BYTES = 19; // signature, flags, and the length of an extension that nobody uses
const END = -1;

/** Calls `visit` for each tuple of a binary COPY with `fields` columns. Throws if the stream breaks off. */
export async function eachTuple(
  chunks: AsyncIterable<Buffer>,
  fields: number,
  visit: (tuple: Tuple) => void,
): Promise<void> {
  const tuple = new Tuple(fields);
  let rest: Buffer = Buffer.alloc(0);
  let at = HEADER_BYTES;
  let ended = false;
  for await (const chunk of chunks) {
    if (ended) continue; // nothing follows the end mark; the stream has to be read to its own end all the same
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    while (!ended && at + 2 <= bytes.length) {
      ended = bytes.readInt16BE(at) === END;
      const end = ended ? bytes.length : tuple.read(bytes, at);
      if (end === -1) break;
      if (!ended) visit(tuple);
      at = end;
    }
    rest = bytes.subarray(Math.min(at, bytes.length));
    at -= bytes.length - rest.length;
  }
  if (!ended) throw new Error('The copy of a table ended in the middle');
}
