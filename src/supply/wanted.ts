import type { Roll } from './roll.ts';

/** Somebody whose place is to be asked for. */
export type Wanted = { no: number; profiles: { parkId: string; driverId: string }[] };

/** Whose place is asked for next: first those it was not asked for lately, then in turn. Nobody is looked at who was just asked for, or needs no place. */
export class Asking {
  readonly #roll: Roll;
  readonly #first = new Set<number>();
  /** Whoever was asked for, the longest ago first. */
  readonly #again = new Set<number>();

  constructor(roll: Roll) {
    this.#roll = roll;
  }

  /** Somebody needs a place. */
  add(row: number): void {
    const no = this.#roll.no(row);
    if (!this.#again.has(no)) this.#first.add(no);
  }

  /** Somebody was asked for, whatever the answer. */
  asked(no: number): void {
    this.drop(no);
    this.#again.add(no);
  }

  drop(no: number): void {
    this.#first.delete(no);
    this.#again.delete(no);
  }

  /** Up to `limit` people who need a place and were not asked for since `askedBefore`. They stay so until they have been `asked`. */
  next(limit: number, askedBefore: number, needs: (row: number) => boolean): Wanted[] {
    const roll = this.#roll;
    const found: Wanted[] = [];
    for (const waiting of [this.#first, this.#again]) {
      for (const no of waiting) {
        const row = roll.rowOf(no);
        if (found.length >= limit || roll.askedAt(row) >= askedBefore) break;
        if (needs(row)) found.push(this.#wantedOf(row));
        else waiting.delete(no);
      }
    }
    return found;
  }

  #wantedOf(row: number): Wanted {
    const { profiles } = this.#roll;
    const keys = [];
    for (let profile = this.#roll.firstProfile(row); profile !== 0; profile = profiles.next(profile))
      keys.push(profiles.keyOf(profile));
    return { no: this.#roll.no(row), profiles: keys };
  }
}
