import type { TextInPlace } from '../store/image.ts';

/** Copies a text, four bytes at a time: for a few dozen faster than `set` and than one by one. Of null, nothing. */
export function copyText({ view, at, length }: TextInPlace, to: DataView, start: number): void {
  copyBytes(view, at, to, start, length);
}

export function copyBytes(from: DataView, at: number, to: DataView, start: number, length: number): void {
  let i = 0;
  for (; i + 4 <= length; i += 4) to.setInt32(start + i, from.getInt32(at + i));
  for (; i < length; i++) to.setUint8(start + i, from.getUint8(at + i));
}

/** Of null, the empty text. */
export function textOf({ bytes, at, length }: TextInPlace): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.max(0, length)).toString();
}

export function inPlace(text: string | null): TextInPlace {
  if (text === null) return { bytes: NOTHING, view: viewOf(NOTHING), at: 0, length: -1 };
  const bytes = Buffer.from(text);
  return { bytes, view: viewOf(bytes), at: 0, length: bytes.length };
}

export function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

const NOTHING = Buffer.alloc(0);
