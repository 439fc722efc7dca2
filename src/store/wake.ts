import { type RawBuilder, sql } from 'kysely';
import { textList } from './compact.ts';
import type { Db } from './database.ts';
import { suspectIf } from './failover.ts';
import { together } from './together.ts';

/**
 * Says to accounts that a cause changed: they are due now, or, while leased, looked at again after the settle. A quiet time is not
 * shortened. Takes the row locks of `reports` in key order. Always by key: a conditional UPDATE does not wait for a row that is about to match.
 * Unknown ids are passed over. After a failover who is woken for the first time is suspect. Returns the ids that exist.
 */
export async function wake(tx: Db, deptransIds: readonly string[]): Promise<string[]> {
  const [locked] = await together(tx, 'wake.all', wakeStatements(deptransIds));
  return locked[0]?.locked ?? [];
}

type Locked = { locked: string[] };

/** The statements that do so, one after the other: the first tells which ids exist. */
export function wakeStatements(
  deptransIds: readonly string[],
): [RawBuilder<Locked> | null, RawBuilder<unknown> | null] {
  if (deptransIds.length === 0) return [null, null];
  const ids = [...new Set(deptransIds)];
  const lock = sql<Locked>`/* wake.lock */
    with held as (
      select deptrans_id from deptrans.reports where deptrans_id = any(${textList(ids)}) order by deptrans_id for no key update)
    select coalesce(json_agg(deptrans_id), '[]') as locked from held`;
  const update = sql`/* wake */
    update deptrans.reports set dirty = true,
      due_at = case when lease_token is not null then due_at
                    else least(coalesce(due_at, 'infinity'), greatest((select deptrans.now()), not_before)) end,
      ${suspectIf(sql`changed_at < failover.suspect_before`)}
    from (select deptrans.suspect_before()) failover
    where deptrans_id = any(${textList(ids)})`;
  return [lock, update];
}

/** Makes the queue rows of people due again, so that they are routed anew. After `wake`: accounts are locked before rows. */
export async function requeuePeople(tx: Db, people: readonly string[]): Promise<void> {
  if (people.length === 0) return;
  await sql`/* requeue.people */
    with mine as (
      select q.park_id, q.driver_id from deptrans.status_queue q
        join deptrans.driver_persons p using (park_id, driver_id)
       where p.driver_license_pd_id = any(${[...people]})
       order by q.park_id, q.driver_id for no key update of q)
    update deptrans.status_queue q set due_at = (select deptrans.now()) from mine
     where (q.park_id, q.driver_id) = (mine.park_id, mine.driver_id)`.execute(tx);
}
