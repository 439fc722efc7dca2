/**
 * One tuple of a binary COPY, read in place: `bytes` holds it, the value of field i begins at `at(i)` and is `length(i)` bytes long, -1 for
 * null. Valid until the next one.
 */
export class Tuple {
  bytes: Buffer = Buffer.alloc(0);
  /** The same bytes. */
  view = new DataView(this.bytes.buffer, this.bytes.byteOffset, 0);
  readonly #at: Int32Array;
  readonly #lengths: Int32Array;

  constructor(fields: number) {
    this.#at = new Int32Array(fields);
    this.#lengths = new Int32Array(fields);
  }

  /** Reads the tuple that lies between two places. Throws if it is of another form. */
  read(bytes: Buffer, from: number, to: number): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    const { view } = this;
    const fields = this.#at.length;
    let at = from + 2;
    for (let i = 0; i < fields; i++) {
      const length = view.getInt32(at);
      this.#at[i] = at + 4;
      this.#lengths[i] = length;
      at += length > 0 ? 4 + length : 4;
    }
    if (at !== to || view.getInt16(from) !== fields) throw new Error('A row of a copied table has an unknown form');
  }

  at(field: number): number {
    return this.#at[field]!;
  }

  length(field: number): number {
    return this.#lengths[field]!;
  }

  isNull(field: number): boolean {
    return this.#lengths[field] === -1;
  }

  bool(field: number): boolean {
    return this.bytes[this.#at[field]!] === 1;
  }

  int4(field: number): number {
    return this.view.getInt32(this.#at[field]!);
  }

  /** Exact up to 2^53. */
  int8(field: number): number {
    const at = this.#at[field]!;
    return this.view.getInt32(at) * 0x1_0000_0000 + this.view.getUint32(at + 4);
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
const END_BYTES = 2; // a tuple of -1 fields

/** Gives the rows of one binary COPY to a tuple, and says whether there is one. */
export function openTuples(tuple: Tuple) {
  let isFirst = true;
  return {
    /** False for the end mark. */
    take(bytes: Buffer, from: number, to: number): boolean {
      const at = isFirst ? from + HEADER_BYTES : from;
      isFirst = false;
      if (to - at <= END_BYTES) return false;
      tuple.read(bytes, at, to);
      return true;
    },
  };
}
