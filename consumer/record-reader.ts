/** What came is not what the contract says. */
export class FrameMalformed extends Error {
  override readonly name = 'FrameMalformed';
}

/** Where a text is inside the message. */
export type Span = { at: number; length: number };

const SEQ = 0;
const UPDATED = 1;
const ENDED = 2;

/**
 * Reads records of either feed from the bytes of a message, one at a time, into fields of its own: nothing is allocated for a record. What it
 * does not know it steps over. Throws FrameMalformed before anything of a broken record is used.
 *
 * A varint is read as two small integers and joined once: an integer that turns into a double inside a loop keeps V8 from compiling it.
 */
export class RecordReader {
  bytes: Uint8Array = new Uint8Array();
  readonly park: Span = { at: 0, length: 0 };
  readonly driver: Span = { at: 0, length: 0 };
  readonly person: Span = { at: 0, length: 0 };
  readonly deptransId: Span = { at: 0, length: 0 };
  readonly raw: Span = { at: 0, length: 0 };
  readonly region: Span = { at: 0, length: 0 };
  bound = false;
  deleted = false;
  isEstimate = false;
  /** As in the contract; 0 = not said. */
  state = 0;
  status = 0;
  readonly #numbers = new Float64Array(3);
  #at = 0;
  #low = 0;
  #high = 0;
  #top = 0;

  get seq(): number {
    return this.#numbers[SEQ]!;
  }

  /** µs since 1970; NaN = not said. */
  get updatedUs(): number {
    return this.#numbers[UPDATED]!;
  }

  get endedUs(): number {
    return this.#numbers[ENDED]!;
  }

  readId(bytes: Uint8Array, start: number, end: number): void {
    this.#begin(bytes, start);
    while (this.#at < end) {
      const tag = this.#tag(end);
      if (tag === 0x0a) this.#span(this.park, end);
      else if (tag === 0x12) this.#span(this.driver, end);
      else if (tag === 0x1a) this.#span(this.person, end);
      else if (tag === 0x20) this.bound = this.#int(end) !== 0;
      else if (tag === 0x2a) this.#span(this.deptransId, end);
      else if (tag === 0x32) this.#time(UPDATED, end);
      else if (tag === 0x38) this.#numbers[SEQ] = this.#number(end);
      else if (tag === 0x40) this.deleted = this.#int(end) !== 0;
      else if (tag === 0x48) this.state = this.#int(end);
      else this.#skip(tag & 7, end);
    }
    this.#finish();
  }

  readSession(bytes: Uint8Array, start: number, end: number): void {
    this.#begin(bytes, start);
    while (this.#at < end) {
      const tag = this.#tag(end);
      if (tag === 0x0a) this.#span(this.park, end);
      else if (tag === 0x12) this.#span(this.driver, end);
      else if (tag === 0x1a) this.#span(this.person, end);
      else if (tag === 0x20) this.status = this.#int(end);
      else if (tag === 0x2a) this.#span(this.raw, end);
      else if (tag === 0x32) this.#time(UPDATED, end);
      else if (tag === 0x3a) this.#time(ENDED, end);
      else if (tag === 0x40) this.isEstimate = this.#int(end) !== 0;
      else if (tag === 0x4a) this.#span(this.region, end);
      else if (tag === 0x50) this.#numbers[SEQ] = this.#number(end);
      else if (tag === 0x58) this.deleted = this.#int(end) !== 0;
      else this.#skip(tag & 7, end);
    }
    this.#finish();
  }

  #begin(bytes: Uint8Array, start: number): void {
    this.bytes = bytes;
    this.#at = start;
    this.park.length = 0;
    this.driver.length = 0;
    this.person.length = 0;
    this.deptransId.length = 0;
    this.raw.length = 0;
    this.region.length = 0;
    this.bound = false;
    this.deleted = false;
    this.isEstimate = false;
    this.state = 0;
    this.status = 0;
    this.#numbers[SEQ] = 0;
    this.#numbers[UPDATED] = Number.NaN;
    this.#numbers[ENDED] = Number.NaN;
  }

  #finish(): void {
    const seq = this.#numbers[SEQ]!;
    if (!(seq > 0 && seq <= Number.MAX_SAFE_INTEGER)) throw new FrameMalformed('a record without a seq');
    if (this.park.length + this.driver.length === 0) throw new FrameMalformed('a record without a key');
  }

  #tag(end: number): number {
    const tag = this.#int(end);
    if (tag < 8) throw new FrameMalformed('a field without a number');
    return tag;
  }

  #span(span: Span, end: number): void {
    const length = this.#int(end);
    if (length < 0 || length > end - this.#at) throw new FrameMalformed('a text that is cut');
    span.at = this.#at;
    span.length = length;
    this.#at += length;
  }

  /** google.protobuf.Timestamp. */
  #time(slot: number, outerEnd: number): void {
    const length = this.#int(outerEnd);
    const end = this.#at + length;
    if (length < 0 || end > outerEnd) throw new FrameMalformed('a time that is cut');
    let nanos = 0;
    this.#numbers[slot] = 0;
    while (this.#at < end) {
      const tag = this.#tag(end);
      if (tag === 0x08) this.#numbers[slot] = this.#number(end) * 1_000_000;
      else if (tag === 0x10) nanos = this.#number(end);
      else this.#skip(tag & 7, end);
    }
    this.#numbers[slot]! += Math.floor(nanos / 1_000);
  }

  #skip(wireType: number, end: number): void {
    if (wireType === 0) this.#varint(end);
    else if (wireType === 1) this.#at += 8;
    else if (wireType === 5) this.#at += 4;
    else if (wireType === 2) {
      const length = this.#int(end);
      if (length < 0) throw new FrameMalformed('a field that is cut');
      this.#at += length;
    } else throw new FrameMalformed('a field of no type');
    if (this.#at > end) throw new FrameMalformed('a field that is cut');
  }

  /** A varint of at most 28 bits; greater ones are told as -1. */
  #int(end: number): number {
    const { bytes } = this;
    if (this.#at < end && bytes[this.#at]! < 128) return bytes[this.#at++]!;
    this.#varint(end);
    return this.#high === 0 && this.#top === 0 ? this.#low : -1;
  }

  /** A varint as a signed integer of 64 bits, to 53 bits exact. */
  #number(end: number): number {
    this.#varint(end);
    const top = (this.#top << 24) >> 24;
    return top * 0x100_0000_0000_0000 + this.#high * 0x1000_0000 + this.#low;
  }

  /** Bits 0 to 27, 28 to 55, 56 to 63. */
  #varint(end: number): void {
    const { bytes } = this;
    let at = this.#at;
    let low = 0;
    let high = 0;
    let top = 0;
    let shift = 0;
    let byte = 128;
    while (byte > 127) {
      if (at >= end || shift > 63) throw new FrameMalformed('a number that is cut');
      byte = bytes[at++]!;
      const seven = byte & 127;
      if (shift < 28) low |= seven << shift;
      else if (shift < 56) high |= seven << (shift - 28);
      else top |= seven << (shift - 56);
      shift += 7;
    }
    this.#at = at;
    this.#low = low;
    this.#high = high;
    this.#top = top;
  }
}
