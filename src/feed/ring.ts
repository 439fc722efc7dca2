import type { DigestBytes } from './digest.ts';
import type { Frame } from './frames.ts';

/** One frame for everybody who follows without a filter: changes, or a heartbeat. */
export type RingEntry = {
  prev: number;
  through: number;
  frame: Frame;
  /** What a heartbeat was made of, for those to whom it is sent late. */
  beat?: { at: number; sourceAgeMs: number; digest: DigestBytes };
};

/**
 * The newest frames of a stream, encoded once. A follower is a place in it and nothing more; whoever falls out reads the order log until it is
 * back at the end. Entries are chained: each begins where the one before it ended.
 */
export class Ring {
  readonly #maxBytes: number;
  #entries: RingEntry[] = [];
  #bytes = 0;
  #first = 0;
  #through: number;

  constructor(maxBytes: number, start: number) {
    this.#maxBytes = maxBytes;
    this.#through = start;
  }

  /** The position after the newest entry. */
  get through(): number {
    return this.#through;
  }

  /** The place of the oldest entry. */
  get first(): number {
    return this.#first;
  }

  /** The place where the next entry will be. */
  get end(): number {
    return this.#first + this.#entries.length;
  }

  at(place: number): RingEntry {
    return this.#entries[place - this.#first]!;
  }

  /** Adds an entry that begins at `through`. */
  push(entry: RingEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.frame.length;
    this.#through = entry.through;
    while (this.#bytes > this.#maxBytes && this.#entries.length > 1) {
      this.#bytes -= this.#entries.shift()!.frame.length;
      this.#first += 1;
    }
  }

  /** Passes over changes without keeping frames: every follower falls out. */
  skip(through: number): void {
    this.#first = this.end + 1; // whoever waited at the end must not take the next entry for its own
    this.#entries = [];
    this.#bytes = 0;
    this.#through = through;
  }

  /** The place of what follows a position; undefined if no entry begins there. */
  placeAfter(position: number): number | undefined {
    if (position === this.#through) return this.end;
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.prev >= position) high = middle;
      else low = middle + 1;
    }
    return this.#entries[low]?.prev === position ? this.#first + low : undefined;
  }
}
