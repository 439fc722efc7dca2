const DIGIT_BITS = 11; // as many places as stay in the processor's nearest cache
const DIGITS = 1 << DIGIT_BITS;
const LOW_BITS = 2 * DIGIT_BITS;
const LOW = 2 ** LOW_BITS;

/** Numbers and the seq of each, side by side. */
export type BySeq = { nos: Uint32Array; seqs: Float64Array };

export function openBySeq(length: number): BySeq {
  return { nos: new Uint32Array(length), seqs: new Float64Array(length) };
}

/** Gives the memory back now, not when the garbage collector next runs. Nothing may use it, or a part of it, any more. */
export function release({ nos, seqs }: BySeq): void {
  for (const { buffer } of [nos, seqs]) (buffer as ArrayBuffer).transfer(0);
}

/** The first so many. */
export function first(count: number, { nos, seqs }: BySeq): BySeq {
  return { nos: nos.subarray(0, count), seqs: seqs.subarray(0, count) };
}

/**
 * Sorts numbers by their seq, equal seqs staying as they were. A radix sort: two to five passes over flat arrays, several times faster than
 * comparing for the millions that a start has to put in order. The arrays given, and those of `scratch`, which are at least as long, hold the result and
 * what is left over.
 */
export function sortBySeq(unsorted: BySeq, scratch: BySeq): BySeq {
  let max = 0;
  for (const seq of unsorted.seqs) if (seq > max) max = seq;
  const { length } = unsorted.nos;
  let from = unsorted;
  let to = first(length, scratch);
  for (let digit = 0; digit < 5 && max >= DIGITS ** digit; digit++) {
    sortByDigit(from, to, digit);
    [from, to] = [to, from];
  }
  return from;
}

function sortByDigit(from: BySeq, to: BySeq, digit: number): void {
  const places = new Uint32Array(DIGITS);
  for (const seq of from.seqs) places[digitOf(seq, digit)]! += 1;
  let place = 0;
  for (let i = 0; i < DIGITS; i++) {
    const count = places[i]!;
    places[i] = place;
    place += count;
  }
  for (let i = 0; i < from.nos.length; i++) {
    const seq = from.seqs[i]!;
    const at = places[digitOf(seq, digit)]!++;
    to.nos[at] = from.nos[i]!;
    to.seqs[at] = seq;
  }
}

/** Digit 0 to 4, from the lowest, of a number below 2^53. The two lowest, often all there is, are found in integers. */
function digitOf(seq: number, digit: number): number {
  if (digit < 2) return ((seq >>> 0) >>> (digit * DIGIT_BITS)) & (DIGITS - 1);
  const high = Math.floor(seq / LOW); // 31 bits
  return (high >>> ((digit - 2) * DIGIT_BITS)) & (DIGITS - 1);
}
