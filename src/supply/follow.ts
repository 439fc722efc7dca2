import type { Db } from '../store/database.ts';
import { readSupplyChanges, readSupplyPosition, type SupplyPosition } from '../store/supply-changes.ts';
import {
  readConnectedProfiles,
  readSupplyPeople,
  readSupplySessions,
  type SupplyAsked,
} from '../store/supply-people.ts';
import type { Census } from './census.ts';

/** People read in one statement. */
const PAGE = 1_000;

/** A census that follows the database. */
export type Followed = { census: Census; position: SupplyPosition };

/** Counts everybody who is connected now. What changes meanwhile is told afterwards, from the position on. */
export async function loadCensus(db: Db, census: Census, now: () => number, signal: AbortSignal): Promise<Followed> {
  const position = await readSupplyPosition(db);
  for (const list of await readConnectedProfiles(db, PAGE)) {
    signal.throwIfAborted();
    const asked = { profiles: list.split(',').map(Number) };
    census.take(asked, await readSupplyPeople(db, asked), now());
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
  const alone = silent.filter((no) => no < 0).map((no) => -no);
  const profiles = [...new Set([...changes.profiles, ...alone])];
  // Whoever had a profile that is another's now has changed too. Asked before anybody is read, for then it may have moved.
  const owners = profiles.map((no) => census.ownerOf(no));
  const read = new Set<number>();
  const isUnread = (no: number) => no > 0 && !read.has(no);
  const take = async (asked: SupplyAsked) => {
    const found = await readSupplyPeople(db, asked);
    census.take(asked, found, now());
    for (const no of asked.people ?? []) read.add(no);
    for (const { no } of found.people) read.add(no);
  };
  // Who is behind a profile is read with it, and not again.
  for (let i = 0; i < profiles.length; i += PAGE) {
    const people = owners.slice(i, i + PAGE).filter(isUnread);
    await take({ profiles: profiles.slice(i, i + PAGE), people });
  }
  // Who is not connected becomes so by a profile, and is read with it.
  const isLeft = (no: number) => isUnread(no) && census.has(no);
  const others = [...changes.bindings.filter(isLeft), ...silent.filter(isUnread)];
  for (const people of pages([...new Set(others)])) await take({ people });
  for (const keys of pages(changes.keys)) await take({ keys });
  // Of whoever has nothing new but a shift.
  for (const people of pages([...new Set(changes.sessions)].filter(isLeft)))
    census.takeSessions(await readSupplySessions(db, people), now());
  return { census, position: changes.position };
}

function pages<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / PAGE) }, (_, i) => all.slice(i * PAGE, (i + 1) * PAGE));
}
