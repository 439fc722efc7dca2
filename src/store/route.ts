import { type RawBuilder, sql } from 'kysely';
import type { FilteredReason } from '../domain/plan.ts';
import { type BalanceEntry, balanceEntries } from './balance.ts';
import { numberList, rowsOf } from './compact.ts';
import type { Db } from './database.ts';
import { noteEnded } from './event-ends.ts';
import { together } from './together.ts';
import { wakeStatements } from './wake.ts';

/** Whether the row at this place of the list carries an event, and whether that is too old. */
type DueRow = [carriesEvent: boolean, expired: boolean];
/** Where the row at a place of the list leads to. */
type Mapping = [place: number, hasPerson: boolean, deleted: boolean, deptransId: string | null];

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
 * Waits for no lock: what somebody else holds stays due. Runs in the caller's transaction and ends it; returns how many rows it took up.
 *
 * The mapping is read twice: a binding that commits while we lock its account would otherwise leave the row with an account that is no longer its person's.
 */
export async function route(tx: Db, { limit, personRetryMs, maxAgeMs, slot }: RouteOptions): Promise<number> {
  const { rows } = await sql<{ tids: string; due: DueRow[] }>`/* route.take */
    with due as (
      select ctid, carries_event, event_at < (select deptrans.now()) - ${maxAgeMs} * interval '1 ms' as expired
        from deptrans.status_queue where due_at <= (select deptrans.now())
       order by due_at limit ${limit} for update skip locked)
    select array_agg(ctid)::text as tids, coalesce(json_agg(json_build_array(carries_event, expired)), '[]') as due from due`.execute(
    tx,
  );
  const { tids, due } = rows[0]!;
  if (due.length === 0) return 0;
  const held = await holdAccounts(tx, (await readMapping(tx, tids)).accounts);
  const mapping: Mapping[] = [];
  for (const row of JSON.parse((await readMapping(tx, tids)).mapping) as Mapping[]) mapping[row[0]] = row;

  const handed: number[] = [];
  const waiting: number[] = [];
  const woken: string[] = [];
  const entries: (BalanceEntry & { reason: FilteredReason; place: number })[] = [];
  due.forEach(([carriesEvent, expired], place) => {
    const [, hasPerson, deleted, account] = mapping[place] ?? NOBODY;
    const n = carriesEvent ? 1 : 0;
    if (account && held.has(account)) {
      handed.push(place);
      woken.push(account);
    } else if (!account && hasPerson) {
      entries.push({ place, outcome: expired ? 'expired' : 'filtered', reason: 'no_id', n });
    } else if (!hasPerson && (expired || deleted)) {
      entries.push({ place, outcome: 'filtered', reason: 'no_person', n });
    } else if (!hasPerson) {
      waiting.push(place);
    }
  });
  const later = sql`due_at = (select deptrans.now()) + ${personRetryMs} * interval '1 ms', wait_reason = 'no_person'`;
  await together(
    tx,
    'route.write',
    [
      ...wakeStatements(woken),
      updateRows(tids, handed, sql`due_at = null, wait_reason = null`),
      updateRows(tids, waiting, later),
      dropRows(tids, entries),
      balanceEntries(slot, entries),
    ],
    { ends: true },
  );
  return due.length;
}

const NOBODY: Mapping = [0, false, false, null];

/** Where taken rows lead: a `Mapping` for each as JSON, and all accounts as an array of PostgreSQL's; as texts, since the first reading needs but the one. */
type TakenMapping = { mapping: string; accounts: string };

/** Where the taken rows lead. `tids`: where they lie, in the order of the list; nobody moves them while they are locked. */
async function readMapping(tx: Db, tids: string): Promise<TakenMapping> {
  const { rows } = await sql<TakenMapping>`/* route.map */
    select coalesce(json_agg(json_build_array(k.n - 1, p.driver_license_pd_id is not null, p.deleted, b.deptrans_id)), '[]')::text as mapping,
           coalesce(array_agg(b.deptrans_id) filter (where b.deptrans_id is not null), '{}')::text as accounts
      from unnest(${tids}::tid[]) with ordinality k(tid, n)
      join deptrans.status_queue q on q.ctid = k.tid
      join deptrans.driver_persons p using (park_id, driver_id)
      left join deptrans.profiles b using (driver_license_pd_id)`.execute(tx);
  return rows[0]!;
}

async function holdAccounts(tx: Db, accounts: string): Promise<Set<string>> {
  if (accounts === '{}') return new Set();
  const { rows } = await sql<{ held: string[] }>`/* route.hold */
    with held as (
      select deptrans_id from deptrans.reports where deptrans_id = any(${accounts}::text[])
       order by deptrans_id for no key update skip locked)
    select coalesce(json_agg(deptrans_id), '[]') as held from held`.execute(tx);
  return new Set(rows[0]!.held);
}

function updateRows(
  tids: string,
  places: readonly number[],
  assignment: RawBuilder<unknown>,
): RawBuilder<unknown> | null {
  if (places.length === 0) return null;
  return sql`/* route.update */
    update deptrans.status_queue q set ${assignment}
      from unnest(${numberList(places)}::int[]) g(place) where q.ctid = (${tids}::tid[])[g.place + 1]`;
}

type Dropped = { place: number; outcome: string; reason: string };

const given = rowsOf<Dropped>('g', {
  place: ['int', ({ place }) => place],
  outcome: ['text', ({ outcome }) => outcome],
  reason: ['text', ({ reason }) => reason],
});

/** Lets rows go, each with its end. */
function dropRows(tids: string, dropped: readonly Dropped[]): RawBuilder<unknown> | null {
  if (dropped.length === 0) return null;
  return sql`/* route.drop */
    with ended as (
      delete from deptrans.status_queue q using ${given(dropped)} where q.ctid = (${tids}::tid[])[g.place + 1]
      returning q.park_id, q.driver_id, q.event_at, case when q.carries_event then g.outcome end as outcome, g.reason)
    ${noteEnded}`;
}
