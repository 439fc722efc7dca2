/** A run of slots, seen three ways. A slot is a multiple of 8 bytes. */
export type Segment = { bytes: Buffer; u32: Uint32Array; f64: Float64Array };

/**
 * Flat slots under dense numbers: no object per row, nothing for the garbage collector to walk. Memory grows by segments, so growing copies
 * nothing, and numbers that were never used cost nothing but their share of a segment.
 */
export type Slab = {
  readonly slotBytes: number;
  /** The segment of a slot, to read; all zeros if nothing was ever written there. */
  of(no: number): Segment;
  /** The segment of a slot, to write. */
  writable(no: number): Segment;
  /** The byte at which a slot begins within its segment. */
  at(no: number): number;
  /** Above every number ever written. */
  readonly end: number;
};

const SHIFT = 14;
const MASK = (1 << SHIFT) - 1;

export function openSlab(slotBytes: number): Slab {
  const segments: (Segment | undefined)[] = [];
  const empty = newSegment(slotBytes);
  let end = 0;
  return {
    slotBytes,
    of: (no) => segments[no >>> SHIFT] ?? empty,
    writable(no) {
      if (no >= end) end = no + 1;
      const segment = segments[no >>> SHIFT];
      if (segment) return segment;
      const made = newSegment(slotBytes);
      segments[no >>> SHIFT] = made;
      return made;
    },
    at: (no) => (no & MASK) * slotBytes,
    get end() {
      return end;
    },
  };
}

function newSegment(slotBytes: number): Segment {
  const buffer = new ArrayBuffer(slotBytes << SHIFT);
  return { bytes: Buffer.from(buffer), u32: new Uint32Array(buffer), f64: new Float64Array(buffer) };
}
