import type { Content } from './history.ts';
import type { Kind } from './truth.ts';

/** Where a message is on the tape, and what a subscriber has to know of it. `position` is -1 where it leads nowhere. */
export type Entry = { kind: Kind; case: Content['case']; from: number; length: number; position: number };

/** Which messages a tape holds, by their hash. A recording has millions: they are rows of numbers, not objects. */
export type MessageIndex = {
  /** The place of a message, or -1. */
  find(hash: Buffer): number;
  /** Adds a message that is not there. Returns its place: they count from 0. */
  add(hash: Buffer, entry: Entry): number;
  at(place: number): Entry;
};

const KINDS: readonly Kind[] = ['ids', 'statuses'];
const CASES: readonly Content['case'][] = [
  'hello',
  'reset',
  'snapshotBegin',
  'snapshotEnd',
  'changes',
  'heartbeat',
  'goAway',
  'policy',
];
/** Numbers of a row: 96 bits of the hash as two, from, length, position, and kind and case as one. */
const WIDTH = 6;
const HALF = 6;

export function openMessageIndex(): MessageIndex {
  let rows = new Float64Array(1_024 * WIDTH);
  let count = 0;
  /** Places + 1, at their hash or behind it; half of them empty. */
  let slots = new Uint32Array(2_048);
  const low = (hash: Buffer) => hash.readUIntLE(0, HALF);
  const high = (hash: Buffer) => hash.readUIntLE(HALF, HALF);

  /** The slot that holds the hash, or the empty one where it would be. */
  const slotOf = (lowHalf: number, highHalf: number): number => {
    for (let slot = lowHalf % slots.length; ; slot = (slot + 1) % slots.length) {
      const row = (slots[slot]! - 1) * WIDTH;
      if (row < 0 || (rows[row] === lowHalf && rows[row + 1] === highHalf)) return slot;
    }
  };
  const grow = () => {
    const wider = new Float64Array(rows.length * 2);
    wider.set(rows);
    rows = wider;
    slots = new Uint32Array(slots.length * 2);
    for (let place = 0; place < count; place += 1) {
      slots[slotOf(rows[place * WIDTH]!, rows[place * WIDTH + 1]!)] = place + 1;
    }
  };

  return {
    find: (hash) => slots[slotOf(low(hash), high(hash))]! - 1,
    add(hash, { kind, case: name, from, length, position }) {
      if ((count + 1) * WIDTH > rows.length) grow();
      const sort = CASES.indexOf(name) * KINDS.length + KINDS.indexOf(kind);
      rows.set([low(hash), high(hash), from, length, position, sort], count * WIDTH);
      slots[slotOf(low(hash), high(hash))] = count + 1;
      count += 1;
      return count - 1;
    },
    at(place) {
      const [, , from, length, position, sort] = rows.subarray(place * WIDTH, (place + 1) * WIDTH);
      const kind = KINDS[sort! % KINDS.length]!;
      return {
        kind,
        case: CASES[Math.floor(sort! / KINDS.length)]!,
        from: from!,
        length: length!,
        position: position!,
      };
    },
  };
}
