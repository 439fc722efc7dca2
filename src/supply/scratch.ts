import type { SupplyPerson } from '../store/supply-people.ts';
import { type Ballot, ballotOf } from './ballot.ts';
import type { Census, Seen } from './census.ts';
import type { Lens, Stand } from './lens.ts';
import { Roll } from './roll.ts';

/** A person where it counts. */
export type PlacedPerson = SupplyPerson & { region: string };

/** Judges people who are in no census, one at a time, as a census would. */
export class Scratch {
  readonly #roll = new Roll();

  ballotOf(person: PlacedPerson, lens: Lens, now: number): Ballot | null {
    const row = this.#put(person);
    const ballot = ballotOf(this.#roll, row, lens, now, Number.POSITIVE_INFINITY);
    this.#roll.drop(row);
    return ballot;
  }

  /** The same if it stood elsewhere in roll-outs, for each of these places; null: it does not count. */
  ballotsAt(person: PlacedPerson, lens: Lens, now: number, stands: readonly Stand[]): (Ballot | null)[] {
    const row = this.#put(person);
    const ballots = stands.map(({ share }) => {
      this.#roll.setShare(row, share);
      return ballotOf(this.#roll, row, lens, now, Number.POSITIVE_INFINITY);
    });
    this.#roll.drop(row);
    return ballots;
  }

  #put(person: PlacedPerson): number {
    const row = this.#roll.put(person);
    this.#roll.setPlace(row, person.region);
    return row;
  }
}

/** The person of a row, where it counts; null: nobody is there, or counts nowhere. */
export function personAt(census: Census, row: number, now: number): PlacedPerson | null {
  const seen: Seen[] = [];
  census.look(row, (one) => seen.push(one), now);
  const [first] = seen;
  if (!first?.region) return null;
  const facts = seen.find((one) => one.facts)?.facts;
  return {
    no: first.no,
    region: first.region,
    person: facts?.person ?? '',
    binding: facts?.binding ?? null,
    bindingUpdatedAt: facts?.bindingUpdatedAt ?? null,
    session: facts?.session ?? null,
    sessionUpdatedAt: facts?.sessionUpdatedAt ?? null,
    sessionEndedAt: facts?.sessionEndedAt ?? null,
    sessionRegion: facts?.region ?? '',
    profiles: seen.map(({ parkId, driverId, categories, facts: known }, i) => {
      return { no: i + 1, parkId, driverId, categories: [...categories], seenAt: now, isPublished: known !== null };
    }),
  };
}
