/** A stretch of the log, about a frame's worth of entries. */
export type Block = {
  /** Entries have seqs above `prev` … */
  readonly prev: number;
  /** … up to `through`. Of the open block: the last one appended. */
  through: number;
  /** Profile numbers by seq. Zeros, and entries whose record has moved on, are dead. */
  entries: Uint32Array;
  /** Entries in use; beyond are zeros. */
  length: number;
  live: number;
};

export type Entry = { no: number; seq: number };

export const BLOCK_ENTRIES = 448; // records of the usual 141 bytes make 63 KB of them

/**
 * The records of a stream in the order of their seq: what a subscriber reads from its position on, be it a snapshot (from 0), a resume, or a
 * catch-up. Only the newest version of a record has an entry, so the log is always about as long as the state.
 *
 * It is cut into blocks. An entry is alive if its record's seq still lies within its block; when the record changes, the entry dies where it
 * is and a new one is appended. A sealed block therefore stays a true answer for ever: what died since comes again later with a greater
 * seq. Blocks that are less than half alive are merged with a neighbour. Records of one seq are always in one block.
 */
export class OrderLog {
  readonly #seqOf: (no: number) => number;
  readonly #blocks: Block[] = [newBlock(0, BLOCK_ENTRIES)];
  readonly #sparse = new Set<Block>();

  constructor(seqOf: (no: number) => number) {
    this.#seqOf = seqOf;
  }

  get blocks(): readonly Block[] {
    return this.#blocks;
  }

  /** Appends the newest version of a record. `seq` is not below any other's. */
  append(no: number, seq: number): void {
    let block = this.#open;
    if (block.length >= BLOCK_ENTRIES && seq > block.through) block = this.#seal(block);
    if (block.length === block.entries.length) block.entries = widened(block.entries);
    block.entries[block.length++] = no;
    block.live += 1;
    block.through = seq;
  }

  /** Takes out the version `seq`, about to be replaced. */
  withdraw(no: number, seq: number): void {
    const block = this.#blocks[this.#placeOf(seq)]!;
    block.live -= 1;
    if (block === this.#open) block.entries[block.entries.indexOf(no)] = 0;
    else if (block.live < BLOCK_ENTRIES / 2) this.#sparse.add(block);
  }

  /** Merges what has become sparse. To be called when the records' seqs and the log agree again. */
  compact(): void {
    for (const block of [...this.#sparse]) {
      if (this.#sparse.delete(block)) this.#mergeAround(this.#placeOf(block.through));
    }
  }

  /** The block that holds what follows `seq`; undefined if nothing does. */
  after(seq: number): Block | undefined {
    const block = this.#blocks[this.#placeOf(seq + 1)]!;
    return block.through > seq ? block : undefined;
  }

  /** Whether nothing is appended to the block any more. */
  isSealed(block: Block): boolean {
    return block !== this.#open;
  }

  /** The alive entries of a block above `position`, in order. */
  *alive(block: Block, position: number): Generator<Entry, void, void> {
    const above = Math.max(position, block.prev);
    for (let i = 0; i < block.length; i++) {
      const no = block.entries[i]!;
      if (no === 0) continue;
      const seq = this.#seqOf(no);
      if (seq > above && seq <= block.through) yield { no, seq };
    }
  }

  get #open(): Block {
    return this.#blocks[this.#blocks.length - 1]!;
  }

  #seal(block: Block): Block {
    block.entries = block.entries.slice(0, block.length);
    if (block.live < BLOCK_ENTRIES / 2) this.#sparse.add(block);
    const open = newBlock(block.through, BLOCK_ENTRIES);
    this.#blocks.push(open);
    return open;
  }

  /** The place of the block whose range holds `seq`; the last one if none does. */
  #placeOf(seq: number): number {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#blocks[middle]!.through >= seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Merges the block at `place` with a sealed neighbour if both fit into one. */
  #mergeAround(place: number): void {
    for (const left of [place - 1, place]) {
      const [a, b] = [this.#blocks[left], this.#blocks[left + 1]];
      if (!a || !b || b === this.#open || a.live + b.live > BLOCK_ENTRIES) continue;
      this.#merge(left, a, b);
      return;
    }
  }

  #merge(place: number, a: Block, b: Block): void {
    const merged = newBlock(a.prev, a.live + b.live);
    merged.through = b.through;
    for (const block of [a, b]) {
      for (const { no } of this.alive(block, block.prev)) merged.entries[merged.length++] = no;
      this.#sparse.delete(block);
    }
    merged.live = merged.length;
    this.#blocks.splice(place, 2, merged);
    if (merged.live < BLOCK_ENTRIES / 2) this.#sparse.add(merged);
  }
}

function newBlock(prev: number, size: number): Block {
  return { prev, through: prev, entries: new Uint32Array(size), length: 0, live: 0 };
}

function widened(entries: Uint32Array): Uint32Array {
  const wider = new Uint32Array(entries.length * 2);
  wider.set(entries);
  return wider;
}
