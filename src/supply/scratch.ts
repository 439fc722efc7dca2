import { EVERYBODY } from '../../verdict/verdict.ts';
import type { SupplyPerson } from '../store/supply-people.ts';
import { type Ballot, ballotOf } from './ballot.ts';
import type { Census, Seen } from './census.ts';
import type { Lens } from './lens.ts';
import { Roll } from './roll.ts';

/** A person where it counts. */
export type PlacedPerson = SupplyPerson & { region: string };

/** Judges people who are in no census, one at a time, as a census would. */
export class Scratch {
  readonly #roll = new Roll();

  ballotOf(person: PlacedPerson, lens: Lens, now: number): Ballot | null {
    return this.ballotsOf(person, lens, now, 1)[0] ?? null;
  }

  /** As many people like this one, who stand in roll-outs where it does and, from there, evenly apart. Empty: they do not count. */
  ballotsOf(person: PlacedPerson, lens: Lens, now: number, people: number): Ballot[] {
    const row = this.#roll.put(person);
    this.#roll.setPlace(row, person.region);
    const share = this.#roll.share(row);
    const ballots: Ballot[] = [];
    for (let i = 0; i < people; i++) {
      this.#roll.setShare(row, (share + Math.floor((i * EVERYBODY) / people)) % EVERYBODY);
      const ballot = ballotOf(this.#roll, row, lens, now, Number.POSITIVE_INFINITY);
      if (ballot) ballots.push(ballot);
    }
    this.#roll.drop(row);
    return ballots;
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
