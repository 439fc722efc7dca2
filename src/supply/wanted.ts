import type { Roll } from './roll.ts';
import { Timers } from './timers.ts';

/** Somebody whose place is to be asked for. */
export type Wanted = { no: number; profiles: { parkId: string; driverId: string }[] };

export type AskingLimits = {
  /** A place is asked for again after so long. */
  placeMs: number;
  /** Who has an id and counts where the last shift was judged is asked for only if no new shift has told the place within this time. */
  reportMs: number;
};

/**
 * Whose place is asked for next, each with a moment of its own: first those it was never asked for, then whose answer is the oldest. Nobody is looked at
 * whose moment has not come. Whoever went away stands here as long as its last answer holds, so that who comes back in time need not be asked for.
 */
export class Asking {
  readonly #roll: Roll;
  readonly #limits: AskingLimits;
  /** After its moment a row may be asked for. */
  readonly #moments = new Timers();

  constructor(roll: Roll, limits: AskingLimits) {
    this.#roll = roll;
    this.#limits = limits;
  }

  /** Somebody needs a place. */
  add(row: number, now: number): void {
    if (!this.#moments.has(row)) this.#moments.set(row, this.#momentOf(row, now));
  }

  /** Somebody was asked for, whatever the answer. */
  asked(row: number): void {
    this.#moments.set(row, this.#roll.askedAt(row) + this.#limits.placeMs);
  }

  /** Somebody is no more connected. Returns whether the row is kept, until its moment comes. */
  leave(row: number, now: number): boolean {
    const until = this.#roll.askedAt(row) + this.#limits.placeMs;
    const keeps = until >= now;
    this.#moments.set(row, keeps ? until : Number.POSITIVE_INFINITY);
    return keeps;
  }

  /**
   * Up to `limit` people who need a place and whose moment has passed. They stay so until they have been `asked`. `forget` is called with the rows of those who
   * went away and did not come back.
   */
  next(limit: number, now: number, needs: (row: number) => boolean, forget: (row: number) => void): Wanted[] {
    const rows: number[] = [];
    while (rows.length < limit && this.#moments.nextAt() < now) {
      const row = this.#moments.pop();
      if (this.#roll.isAway(row)) forget(row);
      else if (needs(row)) rows.push(row);
    }
    for (const row of rows) this.#moments.set(row, this.#momentOf(row, now - this.#limits.reportMs));
    return rows.map((row) => this.#wantedOf(row));
  }

  #momentOf(row: number, now: number): number {
    const roll = this.#roll;
    const { placeMs, reportMs } = this.#limits;
    const again = roll.askedAt(row) + placeMs;
    const isSoonTold = reportMs > 0 && roll.binding(row) === 'bound' && roll.sessionRegion(row) !== '';
    return isSoonTold ? Math.max(again, now + reportMs - 1) : again;
  }

  #wantedOf(row: number): Wanted {
    const { profiles } = this.#roll;
    const keys = [];
    for (let profile = this.#roll.firstProfile(row); profile !== 0; profile = profiles.next(profile))
      keys.push(profiles.keyOf(profile));
    return { no: this.#roll.no(row), profiles: keys };
  }
}
