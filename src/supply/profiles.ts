import type { SupplyProfile } from '../store/supply-people.ts';
import { Numbers } from './numbers.ts';
import { Rows } from './rows.ts';
import { Words } from './words.ts';

const NO = 0;
const OWNER = 1;
const NEXT = 2;
const PARK = 3;
const CATEGORIES = 4;
const SEEN_AT = 5;
const PUBLISHED = 6;
const WIDTH = 7;

/** Connected profiles, each in a row of numbers; those of one person are a list. */
export class Profiles {
  readonly #rows = new Rows(WIDTH);
  readonly #drivers: string[] = [];
  readonly #parks = new Words();
  readonly #lists = new Words();
  readonly #categories: (readonly string[])[] = [[]];
  /** Rows by the numbers of profiles. */
  readonly #rowOf = new Numbers();

  /** The row of a profile by its number; 0: not here. */
  rowOf(no: number): number {
    return this.#rowOf.get(no);
  }

  /** Adds a profile that is not here, before `next` in the list of its owner. Returns its row. */
  add({ no, parkId, driverId, categories, seenAt, isPublished }: SupplyProfile, owner: number, next: number): number {
    const row = this.#rows.take();
    const set = (field: number, value: number) => this.#rows.set(row, field, value);
    set(NO, no);
    set(OWNER, owner);
    set(NEXT, next);
    set(PARK, this.#parks.numberOf(parkId));
    set(CATEGORIES, this.#listOf(categories));
    set(SEEN_AT, seenAt);
    set(PUBLISHED, isPublished ? 1 : 0);
    this.#drivers[row] = driverId;
    this.#rowOf.set(no, row);
    return row;
  }

  /** Forgets a profile of the list that begins with `first`. Returns with which one the list begins now. */
  remove(row: number, first: number): number {
    const next = this.next(row);
    if (first !== row) {
      let before = first;
      while (this.next(before) !== row) before = this.next(before);
      this.#rows.set(before, NEXT, next);
    }
    this.#rowOf.set(this.no(row), 0);
    this.#drivers[row] = '';
    this.#rows.free(row);
    return first === row ? next : first;
  }

  no(row: number): number {
    return this.#rows.get(row, NO);
  }

  owner(row: number): number {
    return this.#rows.get(row, OWNER);
  }

  /** The next of the same person; 0: it is the last. */
  next(row: number): number {
    return this.#rows.get(row, NEXT);
  }

  parkId(row: number): string {
    return this.#parks.nameOf(this.#rows.get(row, PARK));
  }

  driverId(row: number): string {
    return this.#drivers[row]!;
  }

  keyOf(row: number): { parkId: string; driverId: string } {
    return { parkId: this.parkId(row), driverId: this.driverId(row) };
  }

  categories(row: number): readonly string[] {
    return this.#categories[this.#rows.get(row, CATEGORIES)]!;
  }

  seenAt(row: number): number {
    return this.#rows.get(row, SEEN_AT);
  }

  /** It has come with the feed. */
  isPublished(row: number): boolean {
    return this.#rows.get(row, PUBLISHED) === 1;
  }

  #listOf(categories: readonly string[]): number {
    const list = this.#lists.numberOf(categories.join('\n'));
    this.#categories[list] ??= [...categories];
    return list;
  }
}
