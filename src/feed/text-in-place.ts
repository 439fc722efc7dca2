import type { TextInPlace } from '../store/image.ts';

/** Copies by a plain loop: for a few dozen bytes faster than `set`. Of null, nothing. */
export function copyText({ bytes, at, length }: TextInPlace, to: Uint8Array, start: number): void {
  for (let i = 0; i < length; i++) to[start + i] = bytes[at + i]!;
}

/** Of null, the empty text. */
export function textOf({ bytes, at, length }: TextInPlace): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.max(0, length)).toString();
}

export function inPlace(text: string | null): TextInPlace {
  if (text === null) return { bytes: NOTHING, at: 0, length: -1 };
  const bytes = Buffer.from(text);
  return { bytes, at: 0, length: bytes.length };
}

const NOTHING = Buffer.alloc(0);
