/** When a shift ends, as one word of an index entry: whole seconds since 1970. */
const NEVER = -0x8000_0000;
const FIRST = NEVER + 1;
const LAST = 0x7fff_ffff;

/** NaN: it was not said. */
export function endsWord(endedUs: number): number {
  if (Number.isNaN(endedUs)) return NEVER;
  return Math.min(LAST, Math.max(FIRST, Math.floor(endedUs / 1_000_000)));
}

/** Whether it is over at a second; null if only the exact time in the row can tell. */
export function isOverAt(word: number, second: number): boolean | null {
  if (word === NEVER) return false;
  if (word === LAST) return null;
  return word === second ? null : word < second;
}
