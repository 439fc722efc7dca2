import { sql } from 'kysely';
import type { Db } from './database.ts';

/**
 * What each table is shrunk by. Every statement takes a bounded bite (`limit` rows by an index), so that none holds locks for long; it returns how
 * many rows went, and the caller comes back while there are more.
 */

/** Makes the partitions of the journal, of the sessions' history and of the intervals of supply for today and the days to come. */
export async function makePartitions(db: Db, days: number): Promise<void> {
  await sql`/* retention.partitions */
    select deptrans.make_day_partitions(t, (deptrans.now() at time zone 'UTC')::date, ${days})
      from unnest(array['journal', 'session_history', 'supply_intervals']) t`.execute(db);
}

/** Drops whole days of tables that are kept by day. Returns how many partitions went. */
export async function dropPartitions(db: Db, tables: readonly string[], keepDays: number): Promise<number> {
  const { rows } = await sql<{ n: number }>`/* retention.drop */
    select sum(deptrans.drop_day_partitions(t, deptrans.now() - ${keepDays} * interval '1 day'))::int as n
      from unnest(${[...tables]}::text[]) t`.execute(db);
  return rows[0]!.n;
}

export async function deleteQuarantine(db: Db, keepDays: number, limit: number): Promise<number> {
  const { rows } = await sql`/* retention.quarantine */
    delete from deptrans.quarantine where id in (
      select id from deptrans.quarantine where at < (select deptrans.now()) - ${keepDays} * interval '1 day' order by at limit ${limit})
    returning 1`.execute(db);
  return rows.length;
}

/** What operators did. */
export async function deleteAudit(db: Db, keepDays: number, limit: number): Promise<number> {
  const { rows } = await sql`/* retention.audit */
    delete from deptrans.audit where id in (
      select id from deptrans.audit where at < (select deptrans.now()) - ${keepDays} * interval '1 day' order by at limit ${limit})
    returning 1`.execute(db);
  return rows.length;
}

/** When regions stepped back; what lasts stays. */
export async function deleteStepBacks(db: Db, keepDays: number, limit: number): Promise<number> {
  const { rows } = await sql`/* retention.step_backs */
    delete from deptrans.step_backs where id in (
      select id from deptrans.step_backs where to_at < (select deptrans.now()) - ${keepDays} * interval '1 day' order by id limit ${limit})
    returning 1`.execute(db);
  return rows.length;
}

/** When regulators were away; an outage that lasts stays. */
export async function deleteOutages(db: Db, keepDays: number, limit: number): Promise<number> {
  const { rows } = await sql`/* retention.outages */
    delete from deptrans.outages where (regulator, from_at) in (
      select regulator, from_at from deptrans.outages
       where to_at < (select deptrans.now()) - ${keepDays} * interval '1 day' order by from_at limit ${limit})
    returning 1`.execute(db);
  return rows.length;
}

/** The log of commits, but for its newest row: the next one's `prev` must name it. */
export async function deleteFeedLog(db: Db, keepMs: number, limit: number): Promise<number> {
  const { rows } = await sql`/* retention.feed_log */
    with old as (
      select seq, at from deptrans.feed_log where seq < (select max(seq) from deptrans.feed_log) order by seq limit ${limit})
    delete from deptrans.feed_log l using old
     where l.seq = old.seq and old.at < (select deptrans.now()) - ${keepMs} * interval '1 ms' returning 1`.execute(db);
  return rows.length;
}

/** Where a page of states begins: after this key. */
export type StateKey = { parkId: string; driverId: string };

/**
 * Offline profiles of one page of the key whose last event is older than what intake still accepts: a replay of it cannot come any more. `next`: where
 * the page after it begins; null: this was the last.
 */
export async function deleteOfflineStates(
  db: Db,
  horizonDays: number,
  { parkId, driverId }: StateKey,
  limit: number,
): Promise<{ deleted: number; next: StateKey | null }> {
  const { rows } = await sql<{ last: StateKey | null; seen: number; deleted: number }>`/* retention.driver_states */
    with page as (
      select park_id, driver_id from deptrans.driver_states
       where (park_id, driver_id) > (${parkId}, ${driverId}) order by park_id, driver_id limit ${limit}),
    old as (
      select s.park_id, s.driver_id from page join deptrans.driver_states s using (park_id, driver_id)
       where not s.connected and s.event_at < (select deptrans.now()) - ${horizonDays + 1} * interval '1 day'
       order by s.park_id, s.driver_id for update of s skip locked),
    gone as (
      delete from deptrans.driver_states s using old
       where s.park_id = old.park_id and s.driver_id = old.driver_id returning 1)
    select (select json_build_object('parkId', park_id, 'driverId', driver_id) from page
             order by park_id desc, driver_id desc limit 1) as last,
           (select count(*) from page)::int as seen, (select count(*) from gone)::int as deleted`.execute(db);
  const { last, seen, deleted } = rows[0]!;
  return { deleted, next: seen === limit ? last : null };
}

/** Accounts that nobody owns, and of which nothing is believed, doubted or planned. `after` pages through the key. */
export async function deleteAccounts(
  db: Db,
  keepDays: number,
  after: string,
  limit: number,
): Promise<{ deleted: number; last: string | null }> {
  const { rows } = await sql<{ last: string | null; seen: number; deleted: number }>`/* retention.reports */
    with page as (
      select deptrans_id from deptrans.reports where deptrans_id > ${after} order by deptrans_id limit ${limit}),
    old as (
      select r.deptrans_id from page join deptrans.reports r using (deptrans_id)
       where not (r.believed or r.doubt or r.suspect) and r.lease_token is null and r.due_at is null and r.wait_reason is null
         and r.changed_at < (select deptrans.now()) - ${keepDays} * interval '1 day'
         and not exists (select 1 from deptrans.profiles b where b.deptrans_id = r.deptrans_id)
       order by r.deptrans_id for update of r skip locked),
    gone as (delete from deptrans.reports r using old where r.deptrans_id = old.deptrans_id returning 1)
    select (select max(deptrans_id) from page) as last, (select count(*) from page)::int as seen, (select count(*) from gone)::int as deleted`.execute(
    db,
  );
  const { last, seen, deleted } = rows[0]!;
  return { deleted, last: seen === limit ? last : null };
}

/** All but the newest rules. */
export async function deleteRules(db: Db, keep: number): Promise<number> {
  const { rows } = await sql`/* retention.rules */
    delete from deptrans.reporting_rules where version <= (select max(version) from deptrans.reporting_rules) - ${keep} returning 1`.execute(
    db,
  );
  return rows.length;
}

/** Where a page of ends begins: after this key. */
export type EndKey = { parkId: string; driverId: string; outcome: string };

/** How the last events of profiles ended, of one page of the key. `next`: where the page after it begins; null: this was the last. */
export async function deleteEventEnds(
  db: Db,
  keepDays: number,
  { parkId, driverId, outcome }: EndKey,
  limit: number,
): Promise<{ deleted: number; next: EndKey | null }> {
  const { rows } = await sql<{ last: EndKey | null; seen: number; deleted: number }>`/* retention.event_ends */
    with page as (
      select park_id, driver_id, outcome, at from deptrans.event_ends
       where (park_id, driver_id, outcome) > (${parkId}, ${driverId}, ${outcome}) order by park_id, driver_id, outcome limit ${limit}),
    gone as (
      delete from deptrans.event_ends e using page p
       where (e.park_id, e.driver_id, e.outcome) = (p.park_id, p.driver_id, p.outcome) and e.at = p.at
         and p.at < (select deptrans.now()) - ${keepDays} * interval '1 day' returning 1)
    select (select json_build_object('parkId', park_id, 'driverId', driver_id, 'outcome', outcome) from page
             order by park_id desc, driver_id desc, outcome desc limit 1) as last,
           (select count(*) from page)::int as seen, (select count(*) from gone)::int as deleted`.execute(db);
  const { last, seen, deleted } = rows[0]!;
  return { deleted, next: seen === limit ? last : null };
}
