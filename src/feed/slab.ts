/** A run of slots, seen four ways. A slot is a multiple of 8 bytes. */
export type Segment = { bytes: Buffer; u32: Uint32Array; f64: Float64Array; view: DataView };

const SHIFT = 14;
const MASK = (1 << SHIFT) - 1;

/**
 * Flat slots under dense numbers: no object per row, nothing for the garbage collector to walk. Memory grows by segments, so growing copies
 * nothing, and numbers that were never used cost nothing but their share of a segment.
 *
 * A class, whose methods the compiler puts where they are called: they are, several times for each of millions of rows.
 */
export class Slab {
  readonly slotBytes: number;
  readonly #segments: (Segment | undefined)[] = [];
  readonly #empty: Segment;
  #end = 0;

  constructor(slotBytes: number) {
    this.slotBytes = slotBytes;
    this.#empty = newSegment(slotBytes);
  }

  /** Above every number ever written. */
  get end(): number {
    return this.#end;
  }

  /** The segment of a slot, to read; all zeros if nothing was ever written there. */
  of(no: number): Segment {
    return this.#segments[no >>> SHIFT] ?? this.#empty;
  }

  /** The segment of a slot, to write. */
  writable(no: number): Segment {
    if (no >= this.#end) this.#end = no + 1;
    return this.#segments[no >>> SHIFT] ?? this.#add(no >>> SHIFT);
  }

  /**
   * Makes room for slots below `end`, all at once: each segment made later counts as growth for the garbage collector, which would go through the whole
   * heap for every few dozen megabytes. What is not written to takes no memory.
   */
  reserve(end: number): void {
    for (let place = 0; place << SHIFT < end; place++) if (!this.#segments[place]) this.#add(place);
  }

  /** The byte at which a slot begins within its segment. */
  at(no: number): number {
    return (no & MASK) * this.slotBytes;
  }

  #add(place: number): Segment {
    const made = newSegment(this.slotBytes);
    while (this.#segments.length < place) this.#segments.push(undefined);
    this.#segments[place] = made;
    return made;
  }
}

export const openSlab = (slotBytes: number): Slab => new Slab(slotBytes);

function newSegment(slotBytes: number): Segment {
  const buffer = new ArrayBuffer(slotBytes << SHIFT);
  const [u32, f64] = [new Uint32Array(buffer), new Float64Array(buffer)];
  return { bytes: Buffer.from(buffer), u32, f64, view: new DataView(buffer) };
}
