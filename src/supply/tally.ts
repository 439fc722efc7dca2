import type { Ballot } from './ballot.ts';
import type { Counted } from './figures.ts';

type Heap = { ballot: Ballot; people: number; ms: number; at: number };

/**
 * Counts people by how they count, and for how long. People who count alike share a number, so a change of one costs the same however many there are; there
 * are as many numbers as sets of tariffs times reasons, some thousands at most. Number 0: does not count.
 */
export class Tally {
  readonly #heaps: (Heap | null)[] = [null];
  readonly #numbers = new Map<string, number>();
  /** Of ballots that came before: they are shared, see `Ballots`. */
  readonly #known = new WeakMap<Ballot, number>();

  numberOf(ballot: Ballot | null): number {
    if (!ballot) return 0;
    let number = this.#known.get(ballot);
    if (number !== undefined) return number;
    const key = keyOf(ballot);
    number = this.#numbers.get(key) ?? this.#heaps.push({ ballot, people: 0, ms: 0, at: 0 }) - 1;
    this.#numbers.set(key, number);
    this.#known.set(ballot, number);
    return number;
  }

  ballotOf(number: number): Ballot | null {
    return this.#heaps[number]?.ballot ?? null;
  }

  /** Somebody counts otherwise from a moment on. */
  move(from: number, to: number, at: number): void {
    if (from === to) return;
    this.#add(from, -1, at);
    this.#add(to, 1, at);
  }

  /** How people count, and for how long since the last `reset`, up to a moment. */
  *counted(at: number): Generator<Counted, void, void> {
    for (const heap of this.#heaps) {
      if (!heap) continue;
      pass(heap, at);
      if (heap.people > 0 || heap.ms > 0) yield heap;
    }
  }

  /** Time counts from here on. */
  reset(at: number): void {
    for (const heap of this.#heaps) {
      if (!heap) continue;
      heap.ms = 0;
      heap.at = at;
    }
  }

  #add(number: number, people: number, at: number): void {
    const heap = this.#heaps[number];
    if (!heap) return;
    pass(heap, at);
    heap.people += people;
  }
}

function pass(heap: Heap, at: number): void {
  if (at > heap.at) {
    heap.ms += heap.people * (at - heap.at);
    heap.at = at;
  }
}

function keyOf({ region, deptransId, session, tariffs }: Ballot): string {
  let key = `${region}/${deptransId}/${session}`;
  for (const { category, blocked } of tariffs) key += `/${category}/${blocked}`;
  return key;
}
