import type { Db } from '../store/database.ts';
import { readSupplyChanges, readSupplyPosition, type SupplyPosition } from '../store/supply-changes.ts';
import { readConnectedProfiles, readSupplyPeople, type SupplyAsked } from '../store/supply-people.ts';
import type { Census } from './census.ts';

/** People read in one statement. */
const PAGE = 500;

/** A census that follows the database. */
export type Followed = { census: Census; position: SupplyPosition };

/** Counts everybody who is connected now. What changes meanwhile is told afterwards, from the position on. */
export async function loadCensus(db: Db, census: Census, now: () => number, signal: AbortSignal): Promise<Followed> {
  const position = await readSupplyPosition(db);
  for (const profiles of pages(await readConnectedProfiles(db))) {
    signal.throwIfAborted();
    await take(db, census, { profiles }, now);
  }
  return { census, position };
}

/**
 * Reads again everybody whom a commit since the position concerns, and `silent`, whom nobody tells of. Null: what changed is not to be had any more, so
 * everybody must be counted anew. When it throws, the position is as it was, and the same is read again.
 */
export async function followCensus(
  db: Db,
  { census, position }: Followed,
  silent: readonly number[],
  now: () => number,
): Promise<Followed | null> {
  const { isBroken, ...changes } = await readSupplyChanges(db, position);
  if (isBroken) return null;
  const profiles = [...new Set(changes.profiles)];
  // Whoever had a profile that is another's now has changed too, and a profile without a person goes by its own number.
  const owners = profiles.map((no) => census.ownerOf(no));
  const people = [...new Set([...changes.people, ...silent, ...owners])];
  const alone = people.filter((no) => no < 0).map((no) => -no);
  for (const page of pages(people.filter((no) => no > 0))) await take(db, census, { people: page }, now);
  for (const page of pages([...new Set([...profiles, ...alone])])) await take(db, census, { profiles: page }, now);
  for (const keys of pages(changes.keys)) await take(db, census, { keys }, now);
  return { census, position: changes.position };
}

async function take(db: Db, census: Census, asked: SupplyAsked, now: () => number): Promise<void> {
  census.take(asked, await readSupplyPeople(db, asked), now());
}

function pages<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / PAGE) }, (_, i) => all.slice(i * PAGE, (i + 1) * PAGE));
}
