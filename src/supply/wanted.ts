import type { Roll } from './roll.ts';

/** Somebody whose place is to be asked for. */
export type Wanted = { no: number; profiles: { parkId: string; driverId: string }[] };

/** Whose place is asked for next: first those it was never asked for, then in turn. */
export class Asking {
  readonly #roll: Roll;
  readonly #never = new Set<number>();
  #row = 1;

  constructor(roll: Roll) {
    this.#roll = roll;
  }

  /** Somebody needs a place. */
  add(row: number): void {
    if (this.#roll.askedAt(row) === Number.NEGATIVE_INFINITY) this.#never.add(this.#roll.no(row));
  }

  drop(no: number): void {
    this.#never.delete(no);
  }

  /** Up to `limit` people who need a place and were not asked for since `askedBefore`. */
  next(limit: number, askedBefore: number, needs: (row: number) => boolean): Wanted[] {
    const roll = this.#roll;
    const found: Wanted[] = [];
    for (const no of this.#never) {
      if (found.length >= limit) return found;
      this.#never.delete(no);
      const row = roll.rowOf(no);
      if (row !== 0 && needs(row)) found.push(this.#wantedOf(row));
    }
    const asked = new Set(found.map(({ no }) => no));
    for (let looked = 1; looked < roll.end && found.length < limit; looked += 1) {
      this.#row = this.#row + 1 < roll.end ? this.#row + 1 : 1;
      const row = this.#row;
      if (!roll.isUsed(row) || roll.askedAt(row) >= askedBefore || asked.has(roll.no(row))) continue;
      if (needs(row)) found.push(this.#wantedOf(row));
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
