/**
 * Where the row of a key is, by open addressing over entries of 16 bytes: low lane, high lane, when the shift ends (s since 1970), and row
 * (24 bits) with what a check needs to know (8 bits). A check reads one entry, which is one line of the processor's cache, and no row.
 *
 * 64 bits of hash stand for the key. Where two stored keys share them (`collisions`), whoever looks must compare the keys themselves.
 */
export class KeyIndex {
  #table = new Int32Array(4 * 1024);
  #mask = 1023;
  #count = 0;
  /** Stored keys whose hash is another one's too. */
  collisions = 0;

  /** The four words of each entry; replaced when the index grows. */
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
      const at = slot << 2;
      if (table[at + 3] === 0) return -1;
      if (table[at] === lo && table[at + 1] === hi) return at;
    }
  }

  /** The same, where `matches` tells whether a row is the one that is meant. */
  findRow(lo: number, hi: number, matches: (row: number) => boolean): number {
    const table = this.#table;
    const mask = this.#mask;
    for (let slot = hi & mask; ; slot = (slot + 1) & mask) {
      const at = slot << 2;
      if (table[at + 3] === 0) return -1;
      if (table[at] === lo && table[at + 1] === hi && matches(rowOf(table[at + 3]!))) return at;
    }
  }

  /** Adds an entry for a row that has none, and tells where. */
  add(lo: number, hi: number, row: number): number {
    if (this.#count * 5 >= (this.#mask + 1) * 3) this.#grow();
    if (this.find(lo, hi) !== -1) this.collisions += 1;
    this.#count += 1;
    return this.#insert(lo, hi, 0, row);
  }

  /** Takes an entry out, and moves those that it had pushed away. */
  remove(at: number): void {
    const table = this.#table;
    const mask = this.#mask;
    const [lo, hi] = [table[at]!, table[at + 1]!];
    let hole = at >> 2;
    for (let slot = (hole + 1) & mask; table[(slot << 2) + 3] !== 0; slot = (slot + 1) & mask) {
      const home = table[(slot << 2) + 1]! & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      table.copyWithin(hole << 2, slot << 2, (slot << 2) + 4);
      hole = slot;
    }
    table.fill(0, hole << 2, (hole << 2) + 4);
    this.#count -= 1;
    if (this.collisions > 0 && this.find(lo, hi) !== -1) this.collisions -= 1;
  }

  /** Where the entry of a row is, whatever its hash has become; -1 if nowhere. Reads the whole table. */
  search(row: number): number {
    const table = this.#table;
    for (let at = 0; at < table.length; at += 4) if (rowOf(table[at + 3]!) === row) return at;
    return -1;
  }

  /** Makes room for so many entries at once. */
  reserve(count: number): void {
    while (count * 5 >= (this.#mask + 1) * 3) this.#grow();
  }

  clear(): void {
    this.#table = new Int32Array(4 * 1024);
    this.#mask = 1023;
    this.#count = 0;
    this.collisions = 0;
  }

  #insert(lo: number, hi: number, ends: number, word: number): number {
    const table = this.#table;
    const mask = this.#mask;
    let slot = hi & mask;
    while (table[(slot << 2) + 3] !== 0) slot = (slot + 1) & mask;
    const at = slot << 2;
    table[at] = lo;
    table[at + 1] = hi;
    table[at + 2] = ends;
    table[at + 3] = word;
    return at;
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Int32Array(old.length * 2);
    this.#mask = (this.#mask << 1) | 1;
    for (let at = 0; at < old.length; at += 4) {
      const word = old[at + 3]!;
      if (word !== 0) this.#insert(old[at]!, old[at + 1]!, old[at + 2]!, word);
    }
  }
}

/** The greatest number that a row can have in an entry. */
export const MAX_ROW = 0xff_ffff;

export const rowOf = (word: number): number => word & MAX_ROW;
export const bitsOf = (word: number): number => word >>> 24;
