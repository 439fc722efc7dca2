const BLOCK_SHIFT = 12;

/**
 * Sums of a table of words by blocks, kept up with every write: a word that has changed by itself does not fit the sum of its block any more.
 * Each word counts times an odd number of its own, so a single one always shows, and two that changed places do too.
 */
export class WordSums {
  readonly #sums: Int32Array;

  /** Of a table of zeros. */
  constructor(words: number) {
    this.#sums = new Int32Array(Math.ceil(words / 2 ** BLOCK_SHIFT));
  }

  get blocks(): number {
    return this.#sums.length;
  }

  /** The word at a place is about to become another one. */
  change(at: number, before: number, after: number): void {
    this.#sums[at >> BLOCK_SHIFT]! += Math.imul(after - before, 2 * at + 1);
  }

  fits(table: Int32Array, block: number): boolean {
    return this.#sums[block] === sumOf(table, block);
  }

  /** Takes the block for what it is now. */
  accept(table: Int32Array, block: number): void {
    this.#sums[block] = sumOf(table, block);
  }
}

export const blockOf = (at: number): number => at >> BLOCK_SHIFT;

function sumOf(table: Int32Array, block: number): number {
  const from = block << BLOCK_SHIFT;
  const to = Math.min(table.length, from + (1 << BLOCK_SHIFT));
  let [a, b] = [0, 0];
  let at = from;
  for (; at + 1 < to; at += 2) {
    a = (a + Math.imul(table[at]!, 2 * at + 1)) | 0;
    b = (b + Math.imul(table[at + 1]!, 2 * at + 3)) | 0;
  }
  if (at < to) a = (a + Math.imul(table[at]!, 2 * at + 1)) | 0;
  return (a + b) | 0;
}
