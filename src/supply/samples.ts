import { OUTCOME_OF } from '../../verdict/verdict.ts';
import type { Db } from '../store/database.ts';
import { type SampledPerson, writeSample } from '../store/supply-samples.ts';
import type { Ballot } from './ballot.ts';
import type { Census } from './census.ts';
import { personAt, Scratch } from './scratch.ts';

const MINUTE = 60_000;
/** Failing people who are kept of each minute, and rows that are looked at for them. */
const PER_MINUTE = 20;
const LOOKS = 1_000;

/**
 * Keeps a few of the failing people of each minute, drawn by chance: by them the past is judged under another policy. How many they stand for is kept with
 * them, so that a minute of the night weighs what it is.
 */
export function openSampler(db: Db, random: () => number) {
  const scratch = new Scratch();
  let last = 0;
  return {
    /** Draws those of the minute, if it has none. */
    async runOnce(census: Census, now: number): Promise<void> {
      const minute = now - (now % MINUTE);
      if (minute <= last || !census.isSettled) return;
      last = minute;
      const people = draw(census, scratch, now, random);
      if (people.length === 0) return;
      const failing = Object.fromEntries(
        [...census.figures(now)].map(([region, [any]]) => [region, any?.failing.people ?? 0]),
      );
      await writeSample(db, { at: now, failing, people });
    },
  };
}

export function isFailing({ deptransId, session }: Ballot): boolean {
  return OUTCOME_OF[deptransId] === 'fail' || OUTCOME_OF[session] === 'fail';
}

function draw(census: Census, scratch: Scratch, now: number, random: () => number): SampledPerson[] {
  const looked = new Set<number>();
  const people: SampledPerson[] = [];
  for (let looks = 0; looks < LOOKS && people.length < PER_MINUTE; looks += 1) {
    const row = 1 + Math.floor(random() * (census.end - 1));
    if (row >= census.end || looked.has(row)) continue;
    looked.add(row);
    const person = personAt(census, row, now);
    const ballot = person && scratch.ballotOf(person, census.lens, now);
    if (ballot && isFailing(ballot)) people.push(person);
  }
  return people;
}
