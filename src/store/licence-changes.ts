import { sql } from 'kysely';
import type { Db } from './database.ts';

/** A profile that left a person, for another or (null) for nobody. */
export type ProfileMove = { from: string; to: string | null };

/**
 * Notes what may be changes of licence among moves of profiles that have just been written, in the mirror's transaction, under the mapping lock and
 * before accounts are locked. A change of licence: a person with an id loses the last profile, and a person without one got some of them.
 * The new person is to be checked again from then on (`recheck`), which says "unknown" to those who ask, where "no id" would block a driver
 * for what the neighbours did. Returns the `person_no` of those, for `publish`.
 *
 * A person whose own change waits hands on whose id it was, so that two changes in a row are one.
 */
export async function noteLicenceChanges(tx: Db, moves: readonly ProfileMove[]): Promise<number[]> {
  if (moves.length === 0) return [];
  const between = moves.filter(({ to }) => to !== null);
  const losers = moves.map(({ from }) => from);
  const gainers = between.map(({ to }) => to!);
  if (between.length > 0) {
    await sql`/* licence_changes.note */
      with moved as (
        select * from unnest(${between.map(({ from }) => from)}::text[], ${gainers}::text[]) m(old, new)),
      candidate as (
        select m.new, b.driver_license_pd_id as former from moved m
          join deptrans.profiles b on b.driver_license_pd_id = m.old and b.deptrans_id is not null
        union
        select m.new, c.former from moved m join deptrans.licence_changes c on c.driver_license_pd_id = m.old)
      insert into deptrans.licence_changes (driver_license_pd_id, former, changed_at)
      select c.new, c.former, deptrans.now() from candidate c
       where c.new <> c.former and not exists (
         select 1 from deptrans.profiles b where b.driver_license_pd_id = c.new and b.deptrans_id is not null)
       order by 1, 2
      on conflict (driver_license_pd_id, former) do update set changed_at = excluded.changed_at, attempts = 0, due_at = null`.execute(
      tx,
    );
  }
  const { rows } = await sql<{ person: string }>`/* licence_changes.due */
    update deptrans.licence_changes c set due_at = deptrans.now()
     where (c.former = any(${losers}) or c.driver_license_pd_id = any(${gainers})) and c.due_at is null
       and not exists (select 1 from deptrans.driver_persons p where p.driver_license_pd_id = c.former and not p.deleted)
    returning c.driver_license_pd_id as person`.execute(tx);
  return markForRecheck(
    tx,
    rows.map(({ person }) => person),
  );
}

async function markForRecheck(tx: Db, people: readonly string[]): Promise<number[]> {
  if (people.length === 0) return [];
  const { rows } = await sql<{ person_no: number }>`/* licence_changes.mark */
    insert into deptrans.profiles as b (driver_license_pd_id, person_no, updated_at, state)
    select p.driver_license_pd_id, p.person_no, deptrans.now(), 'recheck' from deptrans.persons p
     where p.driver_license_pd_id = any(${[...people]}) order by 1
    on conflict (driver_license_pd_id) do update set state = excluded.state, updated_at = excluded.updated_at, bind_no = excluded.bind_no
     where b.deptrans_id is null and b.state <> 'recheck'
    returning person_no`.execute(tx);
  return rows.map((row) => row.person_no);
}

/** Forgets changes that nobody could answer for so long. Who was to be checked again stays so: the driver may set the id. */
export async function deleteLicenceChanges(db: Db, keepDays: number, limit: number): Promise<number> {
  const { rows } = await sql`/* retention.licence_changes */
    delete from deptrans.licence_changes where (driver_license_pd_id, former) in (
      select driver_license_pd_id, former from deptrans.licence_changes
       where changed_at < (select deptrans.now()) - ${keepDays} * interval '1 day' order by changed_at limit ${limit} for update skip locked)
    returning 1`.execute(db);
  return rows.length;
}

/** How many changes of licence wait for the regulator's word. */
export async function countLicenceChanges(db: Db): Promise<number> {
  const { rows } = await sql<{ n: number }>`/* licence_changes.count */
    select count(*) as n from deptrans.licence_changes where due_at is not null`.execute(db);
  return rows[0]!.n;
}
