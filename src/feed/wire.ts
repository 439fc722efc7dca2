/** Protobuf written by hand, for the two records that make up nearly all bytes of the feed. */
export type Writer = { bytes: Uint8Array; at: number };

export function openWriter(size: number): Writer {
  return { bytes: new Uint8Array(size), at: 0 };
}

/** Makes room for `size` more bytes. Writing needs it to have been called; nothing else checks. */
export function reserve(writer: Writer, size: number): void {
  if (writer.at + size <= writer.bytes.length) return;
  const grown = new Uint8Array(Math.max(writer.bytes.length * 2, writer.at + size));
  grown.set(writer.bytes.subarray(0, writer.at));
  writer.bytes = grown;
}

/** An integer from 0 to 2^53 - 1; at most 8 bytes. */
export function writeVarint(writer: Writer, value: number): void {
  const { bytes } = writer;
  let at = writer.at;
  // Two small integers in place of one double keep the loop in machine integers.
  let low = value;
  if (value >= 0x1000_0000) {
    low = value % 0x1000_0000;
    bytes[at++] = (low & 127) | 128;
    bytes[at++] = ((low >>> 7) & 127) | 128;
    bytes[at++] = ((low >>> 14) & 127) | 128;
    bytes[at++] = (low >>> 21) | 128;
    low = Math.floor(value / 0x1000_0000);
  }
  while (low > 127) {
    bytes[at++] = (low & 127) | 128;
    low >>>= 7;
  }
  bytes[at++] = low;
  writer.at = at;
}

export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** Copies by a plain loop: for a few dozen bytes faster than `set`. */
export function writeBytes(writer: Writer, from: Uint8Array, start: number, length: number): void {
  const { bytes, at } = writer;
  for (let i = 0; i < length; i++) bytes[at + i] = from[start + i]!;
  writer.at = at + length;
}

/** A field of the type string or bytes. */
export function writeField(writer: Writer, field: number, value: Uint8Array): void {
  writer.bytes[writer.at++] = (field << 3) | 2;
  writeVarint(writer, value.length);
  writer.bytes.set(value, writer.at);
  writer.at += value.length;
}

/** A field of an integer type. */
export function writeNumber(writer: Writer, field: number, value: number): void {
  writer.bytes[writer.at++] = field << 3;
  writeVarint(writer, value);
}

/** A field of the type google.protobuf.Timestamp, from microseconds since 1970; at most 20 bytes. */
export function writeTimestamp(writer: Writer, field: number, micros: number): void {
  const seconds = Math.floor(micros / 1_000_000);
  const nanos = (micros - seconds * 1_000_000) * 1_000;
  writer.bytes[writer.at++] = (field << 3) | 2;
  const lengthAt = writer.at++;
  if (seconds > 0) writeNumber(writer, 1, seconds);
  else if (seconds < 0) writeNegative(writer, 1, seconds);
  if (nanos > 0) writeNumber(writer, 2, nanos);
  writer.bytes[lengthAt] = writer.at - lengthAt - 1;
}

/** Two's complement in ten bytes, as int64 has it. */
function writeNegative(writer: Writer, field: number, value: number): void {
  writer.bytes[writer.at++] = field << 3;
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) writer.bytes[writer.at++] = Number(rest & 127n) | 128;
  writer.bytes[writer.at++] = Number(rest);
}
