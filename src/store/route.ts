import { sql } from 'kysely';
import type { FilteredReason } from '../domain/plan.ts';
import { addToBalance, type BalanceEntry } from './balance.ts';
import type { Db } from './database.ts';
import { wake } from './wake.ts';

type DueRow = { park_id: string; driver_id: string; carries_event: boolean; expired: boolean };
type Mapping = {
  park_id: string;
  driver_id: string;
  driver_license_pd_id: string | null;
  deleted: boolean;
  deptrans_id: string | null;
};

export type RouteOptions = {
  limit: number;
  /** Rows of profiles whose person is not known yet are looked at again after this … */
  personRetryMs: number;
  /** … until the event is older than this. */
  maxAgeMs: number;
  slot: string;
};

/**
 * Hands due queue rows to the accounts they lead to, and wakes those accounts. Rows that lead nowhere leave the queue (no id, profile deleted) or
 * wait (person not known yet).
 * Waits for no lock: what somebody else holds stays due. Runs in the caller's transaction; returns how many rows it took up.
 *
 * The mapping is read twice: a binding that commits while we lock its account would otherwise leave the row with an account that is no longer its person's.
 */
export async function route(tx: Db, { limit, personRetryMs, maxAgeMs, slot }: RouteOptions): Promise<number> {
  const due = await sql<DueRow>`/* route.take */
    select park_id, driver_id, carries_event, event_at < (select deptrans.now()) - ${maxAgeMs} * interval '1 ms' as expired
      from deptrans.status_queue where due_at <= (select deptrans.now())
     order by due_at limit ${limit} for update skip locked`.execute(tx);
  if (due.rows.length === 0) return 0;
  const wanted = await mappingOf(tx, due.rows);
  const held = await holdAccounts(
    tx,
    wanted.flatMap((row) => row.deptrans_id ?? []),
  );
  const mapping = new Map((await mappingOf(tx, due.rows)).map((row) => [keyOf(row), row]));

  const handed: DueRow[] = [];
  const dropped: DueRow[] = [];
  const waiting: DueRow[] = [];
  const woken: string[] = [];
  const entries: (BalanceEntry & { reason: FilteredReason })[] = [];
  for (const row of due.rows) {
    const { driver_license_pd_id: person, deptrans_id: account, deleted } = mapping.get(keyOf(row)) ?? nobody;
    if (account && held.has(account)) {
      handed.push(row);
      woken.push(account);
    } else if (!account && person) {
      dropped.push(row);
      entries.push({ outcome: row.expired ? 'expired' : 'filtered', reason: 'no_id', n: row.carries_event ? 1 : 0 });
    } else if (!person && (row.expired || deleted)) {
      dropped.push(row);
      entries.push({ outcome: 'filtered', reason: 'no_person', n: row.carries_event ? 1 : 0 });
    } else if (!person) {
      waiting.push(row);
    }
  }
  await wake(tx, woken);
  await updateRows(tx, handed, sql`due_at = null, wait_reason = null`);
  await updateRows(
    tx,
    waiting,
    sql`due_at = (select deptrans.now()) + ${personRetryMs} * interval '1 ms', wait_reason = 'no_person'`,
  );
  if (dropped.length > 0) {
    await sql`/* route.drop */ delete from deptrans.status_queue where (park_id, driver_id) in (${keys(dropped)})`.execute(
      tx,
    );
  }
  await addToBalance(tx, slot, entries);
  return due.rows.length;
}

const nobody = { driver_license_pd_id: null, deptrans_id: null, deleted: false };

function keyOf(row: { park_id: string; driver_id: string }): string {
  return JSON.stringify([row.park_id, row.driver_id]);
}

function keys(rows: readonly DueRow[]) {
  return sql`select * from unnest(${rows.map((row) => row.park_id)}::text[], ${rows.map((row) => row.driver_id)}::text[])`;
}

async function mappingOf(tx: Db, rows: readonly DueRow[]): Promise<Mapping[]> {
  const found = await sql<Mapping>`/* route.map */
    select p.park_id, p.driver_id, p.driver_license_pd_id, p.deleted, b.deptrans_id
      from deptrans.driver_persons p left join deptrans.profiles b using (driver_license_pd_id)
     where (p.park_id, p.driver_id) in (${keys(rows)})`.execute(tx);
  return found.rows;
}

async function holdAccounts(tx: Db, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const held = await sql<{ deptrans_id: string }>`/* route.hold */
    select deptrans_id from deptrans.reports where deptrans_id = any(${[...ids]})
     order by deptrans_id for no key update skip locked`.execute(tx);
  return new Set(held.rows.map((row) => row.deptrans_id));
}

async function updateRows(tx: Db, rows: readonly DueRow[], assignment: ReturnType<typeof sql>): Promise<void> {
  if (rows.length === 0) return;
  await sql`/* route.update */
    update deptrans.status_queue set ${assignment} where (park_id, driver_id) in (${keys(rows)})`.execute(tx);
}
