const DIGITS = 1 << 16;
const WORD = 2 ** 32;

/** Numbers and the seq of each, side by side. */
export type BySeq = { nos: Uint32Array; seqs: Float64Array };

/**
 * Sorts numbers by their seq, equal seqs staying as they were. A radix sort: two to four passes over flat arrays, several times faster than
 * comparing for the millions that a start has to put in order. The arrays given are used as scratch space.
 */
export function sortBySeq(unsorted: BySeq): BySeq {
  let max = 0;
  for (const seq of unsorted.seqs) if (seq > max) max = seq;
  let from = unsorted;
  let to: BySeq = { nos: new Uint32Array(from.nos.length), seqs: new Float64Array(from.nos.length) };
  for (let digit = 0; digit < 4 && max >= DIGITS ** digit; digit++) {
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

/** Digit 0 to 3, from the lowest: 16 bits each, so that nearly all of it is done in integers. */
function digitOf(seq: number, digit: number): number {
  const word = digit < 2 ? seq >>> 0 : Math.floor(seq / WORD) >>> 0;
  return (digit & 1) === 0 ? word & 0xffff : word >>> 16;
}
