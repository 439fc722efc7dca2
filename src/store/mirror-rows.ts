import { sql } from 'kysely';
import type { Db } from './database.ts';
import { wake } from './wake.ts';

/**
 * Statements over many rows of the mirror at once, by primary key, in key order. Only the mirror adds rows to `driver_persons`
 * and `persons`, under the mapping lock, so "insert what is missing" needs no conflict clause (which would burn the dense numbers).
 */
export type MirrorKey = { parkId: string; driverId: string };

/** How a page of a neighbour is written. */
export type PageMode = {
  /** The number of this change: the row's revision from now on. */
  changeNo: number;
  /** Rows that are as they were get the number too, to show that a reload has seen them. */
  touch: boolean;
  /** The very first load: nobody is woken, the sweep follows. */
  quiet: boolean;
};

/** What the mirror knew of a profile. */
export type MirrorRow = {
  profileNo: number;
  person: string | null;
  deleted: boolean;
  categories: string[];
};

/** Locks rows in key order and returns them in the order of `keys`; undefined where there is none. */
export async function lockMirrorRows(tx: Db, keys: readonly MirrorKey[]): Promise<(MirrorRow | undefined)[]> {
  const { rows } = await sql<MirrorRow & { i: number }>`/* mirror.rows */
    select k.i, p.*
      from (select * from unnest(${keys.map((k) => k.parkId)}::text[], ${keys.map((k) => k.driverId)}::text[])
              with ordinality u(park_id, driver_id, i) order by u.park_id, u.driver_id) k
     cross join lateral (
       select p.profile_no as "profileNo", p.driver_license_pd_id as person, p.deleted, p.categories
         from deptrans.driver_persons p where p.park_id = k.park_id and p.driver_id = k.driver_id for update) p`.execute(
    tx,
  );
  const found = new Array<MirrorRow | undefined>(keys.length).fill(undefined);
  for (const { i, ...row } of rows) found[i - 1] = row;
  return found;
}

/** Gives numbers to people who have none yet. */
export async function numberPeople(tx: Db, people: readonly string[]): Promise<void> {
  await sql`/* mirror.people */
    insert into deptrans.persons (driver_license_pd_id)
    select u.person from (select distinct person from unnest(${[...people]}::text[]) person) u
      left join lateral (
        select true as known from deptrans.persons p where p.driver_license_pd_id = u.person limit 1) p on true
     where p.known is null order by 1`.execute(tx);
}

/** Wakes the accounts of people, then has the queue rows of profiles routed anew. */
export async function wakePeople(tx: Db, people: readonly string[], profiles: readonly MirrorKey[]): Promise<void> {
  const { rows } = await sql<{ id: string }>`/* mirror.accounts */
    select deptrans_id as id from deptrans.profiles
     where driver_license_pd_id = any(${[...new Set(people)]}::text[]) and deptrans_id is not null`.execute(tx);
  await wake(
    tx,
    rows.map(({ id }) => id),
  );
  await sql`/* mirror.requeue */
    with mine as (
      select q.park_id, q.driver_id
        from (select * from unnest(${profiles.map((k) => k.parkId)}::text[], ${profiles.map((k) => k.driverId)}::text[])
                u(park_id, driver_id) order by 1, 2) k
       cross join lateral (
         select q.park_id, q.driver_id from deptrans.status_queue q
          where q.park_id = k.park_id and q.driver_id = k.driver_id for no key update) q)
    update deptrans.status_queue q set due_at = (select deptrans.now()) from mine
     where q.park_id = mine.park_id and q.driver_id = mine.driver_id`.execute(tx);
}
