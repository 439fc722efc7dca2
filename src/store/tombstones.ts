import { sql } from 'kysely';
import type { Db } from './database.ts';
import { lockMapping } from './locks.ts';

/**
 * Tombstones (deleted profiles, unbound ids of people without a profile, sessions that are gone) stay until no cursor can need them. What is collected raises the feed's floor:
 * an older cursor is answered by a reset. Otherwise a consumer that slept through the deletion would keep the record for ever.
 *
 * The age of a tombstone is told by `marks`: numbers with the time at which they were the newest.
 */

/** Notes the newest number now. */
export async function markNow(db: Db): Promise<void> {
  await sql`/* tombstones.mark */
    insert into deptrans.feed_marks (at, seq)
    select deptrans.now(), coalesce((select seq from deptrans.feed_log order by seq desc limit 1), 0)
     where not exists (select 1 from deptrans.feed_marks where at > deptrans.now() - interval '1 hour')`.execute(db);
}

/** The number that was the newest `keepDays` ago, or 0 if nobody remembers; older marks are forgotten. */
export async function seqBefore(db: Db, keepDays: number): Promise<number> {
  const { rows } = await sql<{ seq: number }>`/* tombstones.age */
    select coalesce(max(seq), 0)::bigint as seq from deptrans.feed_marks
     where at <= (select deptrans.now()) - ${keepDays} * interval '1 day'`.execute(db);
  await sql`/* tombstones.forget */
    delete from deptrans.feed_marks
     where at < (select max(at) from deptrans.feed_marks where at <= (select deptrans.now()) - ${keepDays} * interval '1 day')`.execute(
    db,
  );
  return rows[0]!.seq;
}

/**
 * Collects up to `limit` tombstones of each kind with numbers up to `upTo`, in the caller's transaction, under the mapping lock. The floor is raised
 * in the same commit. Returns how many went.
 */
export async function collectTombstones(tx: Db, upTo: number, limit: number): Promise<number> {
  await lockMapping(tx);
  const { rows } = await sql<{ seq: number }>`/* tombstones.collect */
    with p as (
      delete from deptrans.driver_persons where (park_id, driver_id) in (
        select park_id, driver_id from deptrans.driver_persons where deleted and seq <= ${upTo} order by park_id, driver_id limit ${limit} for update)
      returning seq),
    b as (
      delete from deptrans.profiles where driver_license_pd_id in (
        select driver_license_pd_id from deptrans.profiles b where deptrans_id is null and seq <= ${upTo}
           and not exists (select 1 from deptrans.driver_persons p
                            where p.driver_license_pd_id = b.driver_license_pd_id and not p.deleted)
         order by driver_license_pd_id limit ${limit} for update)
      returning seq),
    s as (
      delete from deptrans.session_statuses where driver_license_pd_id in (
        select driver_license_pd_id from deptrans.session_statuses where deleted and seq <= ${upTo}
         order by driver_license_pd_id limit ${limit} for update)
      returning seq)
    select seq from p union all select seq from b union all select seq from s`.execute(tx);
  const highest = rows.reduce((max, row) => Math.max(max, row.seq), 0);
  await sql`/* tombstones.floor */
    update deptrans.feed_state set floor_seq = greatest(floor_seq, ${highest}::bigint) where ${highest}::bigint > floor_seq`.execute(
    tx,
  );
  return rows.length;
}
