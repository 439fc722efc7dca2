import { sql } from 'kysely';
import type { Db } from '../../src/store/database.ts';

/** People who are counted now; 0 before the first count. */
export async function countedPeople(db: Db): Promise<number> {
  const { rows } = await sql<{ n: number | null }>`
    select sum((figures->0->'connected'->>'people')::int)::int as n from deptrans.supply_now`.execute(db);
  return rows[0]?.n ?? 0;
}

/** Gives every row its number, as if it had come through the feed. */
export async function publishAll(db: Db, profiles: number): Promise<void> {
  await sql`update deptrans.driver_persons set seq = profile_no`.execute(db);
  await sql`update deptrans.profiles set seq = ${profiles} + person_no`.execute(db);
  await sql`update deptrans.session_statuses set seq = ${2 * profiles} + person_no`.execute(db);
  await sql`select setval('deptrans.feed_seq', ${3 * profiles + 1})`.execute(db);
  await sql`insert into deptrans.feed_log (seq, prev, at, sessions, bindings, profiles)
    values (${3 * profiles + 1}, 0, deptrans.now(), '{}', '{}', '{}')`.execute(db);
  await sql`vacuum full analyze`.execute(db);
}
