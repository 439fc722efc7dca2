import { sql } from 'kysely';
import type { Look } from '../domain/report.ts';
import type { Db } from './database.ts';
import { type AccountRow, accountColumns, readLooks, toAccount } from './look.ts';

export type SweepPage = {
  looks: Look[];
  rulesVersion: number;
  last: string | null;
  /** Which version of its row each account was read from. */
  versions: Map<string, string>;
};

/**
 * A page of accounts that may want a look without any event: open, in doubt, parked, or connected outside, and none that will be looked at anyway. Ordered by id, after `after`;
 * `last` is where the next page begins, null at the end. Takes no locks: what it finds is only woken, and judged again under a lease.
 */
export async function readSweepPage(db: Db, after: string, limit: number): Promise<SweepPage> {
  const { rows } = await sql<AccountRow & { version: string }>`/* sweep.page */
    select ${accountColumns}, xmin::text as version from deptrans.reports
     where (believed or doubt or watched or parked_reason is not null) and deptrans_id > ${after}
       and lease_token is null and (due_at is null or due_at > (select deptrans.now()))
       and coalesce(wait_reason, '') in ('', 'parked', 'no_position')
     order by deptrans_id limit ${limit}`.execute(db);
  const last = rows.length === limit ? rows.at(-1)!.account[0] : null;
  if (rows.length === 0) return { looks: [], rulesVersion: 0, last, versions: new Map() };
  const versions = new Map(rows.map(({ account: [id], version }) => [id, version]));
  return { ...(await readLooks(db, rows.map(toAccount))), last, versions };
}

/**
 * Locks accounts, and says which of them are as they were in this page. A change that came since, between the page and the facts of its accounts
 * for one, has woken the others itself: every change that concerns an account writes its row in the same transaction.
 */
export async function lockUntouched(
  tx: Db,
  ids: readonly string[],
  versions: SweepPage['versions'],
): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await sql<{ id: string; version: string }>`/* sweep.untouched */
    select deptrans_id as id, xmin::text as version from deptrans.reports
     where deptrans_id = any(${[...ids]}) order by deptrans_id for no key update`.execute(tx);
  return new Set(rows.filter(({ id, version }) => versions.get(id) === version).map(({ id }) => id));
}

/** Notes since when drivers are outside (null: they are not), where no lease is held. */
export async function noteOutside(db: Db, notes: readonly { deptransId: string; since: Date | null }[]): Promise<void> {
  if (notes.length === 0) return;
  const given = JSON.stringify(notes.map(({ deptransId, since }) => ({ id: deptransId, since })));
  await sql`/* sweep.outside */
    with held as (
      select r.deptrans_id, g.since from jsonb_to_recordset(${given}::jsonb) as g(id text, since timestamptz)
        join deptrans.reports r on r.deptrans_id = g.id
       where r.lease_token is null order by r.deptrans_id for no key update of r skip locked)
    update deptrans.reports r set outside_since = held.since from held where r.deptrans_id = held.deptrans_id`.execute(
    db,
  );
}

/** Queue rows that were handed to an account which rests: nobody would look at them again. Makes them due; returns how many. */
export async function requeueStranded(tx: Db, limit: number): Promise<number> {
  const { rows } = await sql`/* sweep.stranded */
    with stranded as (
      select q.park_id, q.driver_id from deptrans.status_queue q
        left join deptrans.driver_persons p using (park_id, driver_id)
        left join deptrans.profiles b on b.driver_license_pd_id = p.driver_license_pd_id
        left join deptrans.reports r on r.deptrans_id = b.deptrans_id
       where q.due_at is null and q.queued_at < (select deptrans.now()) - interval '30 s'
         and (r.deptrans_id is null or (r.lease_token is null and r.wait_reason is null and r.parked_reason is null
              and (r.due_at is null or r.due_at > (select deptrans.now()))))
       order by q.park_id, q.driver_id limit ${limit} for update of q skip locked)
    update deptrans.status_queue q set due_at = (select deptrans.now()) from stranded s
     where (q.park_id, q.driver_id) = (s.park_id, s.driver_id) returning 1`.execute(tx);
  return rows.length;
}
