const WORDS = 5;

/**
 * Where the row of a key is, by open addressing over entries of 20 bytes: low lane, high lane, when the shift ends (s since 1970), row (24 bits)
 * with what every check needs to know (8 bits), and what some need: number of the region (16 bits) and share (16 bits; 0: not reckoned yet, else
 * one more than it). A check reads one entry, which is mostly one line of the processor's cache, and no row.
 *
 * 64 bits of hash stand for the key. Where two stored keys share them (`collisions`), whoever looks must compare the keys themselves.
 */
export class KeyIndex {
  #table = new Int32Array(WORDS * 1024);
  #mask = 1023;
  #count = 0;
  /** Stored keys whose hash is another one's too. */
  collisions = 0;

  /** The words of all entries; replaced when the index grows. */
  get table(): Int32Array {
    return this.#table;
  }

  get bytes(): number {
    return this.#table.byteLength;
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

  /** Takes an entry out, and moves those that it had pushed away. */
  remove(at: number): void {
    const table = this.#table;
    const mask = this.#mask;
    const [lo, hi] = [table[at]!, table[at + 1]!];
    let hole = at / WORDS;
    for (let slot = (hole + 1) & mask; table[slot * WORDS + 3] !== 0; slot = (slot + 1) & mask) {
      const home = table[slot * WORDS + 1]! & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      table.copyWithin(hole * WORDS, slot * WORDS, (slot + 1) * WORDS);
      hole = slot;
    }
    table.fill(0, hole * WORDS, (hole + 1) * WORDS);
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
    this.#table = new Int32Array(WORDS * 1024);
    this.#mask = 1023;
    this.#count = 0;
    this.collisions = 0;
  }

  #insert(lo: number, hi: number, ends: number, word: number, seldom: number): number {
    const table = this.#table;
    const mask = this.#mask;
    let slot = hi & mask;
    while (table[slot * WORDS + 3] !== 0) slot = (slot + 1) & mask;
    const at = slot * WORDS;
    table[at] = lo;
    table[at + 1] = hi;
    table[at + 2] = ends;
    table[at + 3] = word;
    table[at + 4] = seldom;
    return at;
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Int32Array(old.length * 2);
    this.#mask = (this.#mask << 1) | 1;
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
export const withShare = (word: number, share: number): number => (word & ~0xffff) | (share + 1);
