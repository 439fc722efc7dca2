import { blockOf, WordSums } from './word-sums.ts';

/** Words of an entry. */
export const WORDS = 5;
const SMALLEST = 1_024;

/**
 * Where the row of a key is, by open addressing over entries of 20 bytes: low lane, high lane, when the shift ends (s since 1970), row (24 bits)
 * with what every check needs to know (8 bits), and what some need: number of the region (16 bits) and share (16 bits; 0: not reckoned yet, else
 * one more than it). A check reads one entry, which is mostly one line of the processor's cache, and no row.
 *
 * Every word is written by the index alone, which keeps sums of them: one that changes by itself is found.
 *
 * 64 bits of hash stand for the key. Where two stored keys share them (`collisions`), whoever looks must compare the keys themselves.
 */
export class KeyIndex {
  #table = new Int32Array(WORDS * SMALLEST);
  #sums = new WordSums(WORDS * SMALLEST);
  #mask = SMALLEST - 1;
  #count = 0;
  /** Stored keys whose hash is another one's too. */
  collisions = 0;

  /** The words of all entries, to be read; replaced when the index grows. */
  get table(): Int32Array {
    return this.#table;
  }

  get bytes(): number {
    return this.#table.byteLength;
  }

  /** Parts of the table that have a sum each. */
  get blocks(): number {
    return this.#sums.blocks;
  }

  isSound(block: number): boolean {
    return this.#sums.fits(this.#table, block);
  }

  /** Takes blocks as they are now, and counts the entries anew. */
  accept(blocks: Iterable<number>): void {
    const table = this.#table;
    for (const block of blocks) this.#sums.accept(table, block);
    this.#count = 0;
    for (let at = 3; at < table.length; at += WORDS) if (table[at] !== 0) this.#count += 1;
  }

  /** The block in which an entry of that hash belongs, if it was not pushed on into the next. */
  homeOf(hi: number): number {
    return blockOf((hi & this.#mask) * WORDS);
  }

  /** Where the entry of a hash begins in `table`; -1 if there is none. */
  find(lo: number, hi: number): number {
    const table = this.#table;
    const mask = this.#mask;
    for (let slot = hi & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      if (table[at + 3] === 0) return -1;
      if (table[at] === lo && table[at + 1] === hi) return at;
    }
  }

  /** The same, where `matches` tells whether a row is the one that is meant. */
  findRow(lo: number, hi: number, matches: (row: number) => boolean): number {
    const table = this.#table;
    const mask = this.#mask;
    for (let slot = hi & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      if (table[at + 3] === 0) return -1;
      if (table[at] === lo && table[at + 1] === hi && matches(rowOf(table[at + 3]!))) return at;
    }
  }

  /** Adds an entry for a row that has none, and tells where. */
  add(lo: number, hi: number, row: number): number {
    if (this.#count * 5 >= (this.#mask + 1) * 3) this.#grow();
    if (this.find(lo, hi) !== -1) this.collisions += 1;
    this.#count += 1;
    return this.#insert(lo, hi, 0, row, 0);
  }

  /** What a check needs to know: when the shift ends, row and bits, region and share. */
  set(at: number, ends: number, word: number, seldom: number): void {
    this.#write(at + 2, ends);
    this.#write(at + 3, word);
    this.#write(at + 4, seldom);
  }

  setShare(at: number, share: number): void {
    this.#write(at + 4, withShare(this.#table[at + 4]!, share));
  }

  /** Takes an entry out, and moves those that it had pushed away. */
  remove(at: number): void {
    const table = this.#table;
    const mask = this.#mask;
    const [lo, hi] = [table[at]!, table[at + 1]!];
    let hole = at / WORDS;
    for (let slot = (hole + 1) & mask; table[slot * WORDS + 3] !== 0; slot = (slot + 1) & mask) {
      const home = table[slot * WORDS + 1]! & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      for (let i = 0; i < WORDS; i++) this.#write(hole * WORDS + i, table[slot * WORDS + i]!);
      hole = slot;
    }
    for (let i = 0; i < WORDS; i++) this.#write(hole * WORDS + i, 0);
    this.#count -= 1;
    if (this.collisions > 0 && this.find(lo, hi) !== -1) this.collisions -= 1;
  }

  /** Where the entry of a row is, whatever its hash has become; -1 if nowhere. Reads the whole table. */
  search(row: number): number {
    const table = this.#table;
    for (let at = 0; at < table.length; at += WORDS) if (rowOf(table[at + 3]!) === row) return at;
    return -1;
  }

  /** Makes room for so many entries at once. */
  reserve(count: number): void {
    while (count * 5 >= (this.#mask + 1) * 3) this.#grow();
  }

  clear(): void {
    this.#make(SMALLEST);
    this.#count = 0;
    this.collisions = 0;
  }

  #insert(lo: number, hi: number, ends: number, word: number, seldom: number): number {
    const table = this.#table;
    const mask = this.#mask;
    let slot = hi & mask;
    while (table[slot * WORDS + 3] !== 0) slot = (slot + 1) & mask;
    const at = slot * WORDS;
    this.#write(at, lo);
    this.#write(at + 1, hi);
    this.set(at, ends, word, seldom);
    return at;
  }

  #write(at: number, word: number): void {
    this.#sums.change(at, this.#table[at]!, word);
    this.#table[at] = word;
  }

  #make(slots: number): void {
    this.#table = new Int32Array(WORDS * slots);
    this.#sums = new WordSums(WORDS * slots);
    this.#mask = slots - 1;
  }

  #grow(): void {
    const old = this.#table;
    this.#make((this.#mask + 1) * 2);
    for (let at = 0; at < old.length; at += WORDS) {
      const word = old[at + 3]!;
      if (word !== 0) this.#insert(old[at]!, old[at + 1]!, old[at + 2]!, word, old[at + 4]!);
    }
  }
}

/** The greatest number that a row can have in an entry. */
export const MAX_ROW = 0xff_ffff;

export const rowOf = (word: number): number => word & MAX_ROW;
export const bitsOf = (word: number): number => word >>> 24;

export const regionIn = (word: number): number => word >>> 16;
/** -1: not reckoned yet. */
export const shareIn = (word: number): number => (word & 0xffff) - 1;
const withShare = (word: number, share: number): number => (word & ~0xffff) | (share + 1);
