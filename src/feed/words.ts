import type { TextInPlace } from '../store/image.ts';
import { textOf } from './text-in-place.ts';

/** What a few words stand for, asked for millions of times: only a word that is met anew becomes a text. Null is 0. */
export type Words = (word: TextInPlace) => number;

const PLACES = 64;

export function openWords(numberOf: (word: string) => number): Words {
  const known: ({ word: Uint8Array; number: number } | undefined)[] = Array(PLACES);
  return (text) => {
    const { bytes, at, length } = text;
    if (length < 0) return 0;
    const place = (length * 7 + (length > 0 ? bytes[at]! : 0)) % PLACES;
    const kept = known[place];
    if (kept && isEqual(kept.word, bytes, at, length)) return kept.number;
    const number = numberOf(textOf(text));
    known[place] = { word: Uint8Array.prototype.slice.call(bytes, at, at + length), number };
    return number;
  };
}

function isEqual(word: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  if (word.length !== length) return false;
  for (let i = 0; i < length; i++) if (word[i] !== bytes[at + i]) return false;
  return true;
}
