import { createHash } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import type { Db } from './database.ts';

/** Where an event can end. Together with the rows that still carry an event they sum up to what was taken. */
export type BalanceOutcome =
  | 'sent'
  | 'merged'
  | 'no_change'
  | 'filtered'
  | 'expired'
  | 'quarantined'
  | 'duplicate'
  | 'outdated';

/** Why a row of the queue waits that no account answers for: not handed to one yet, or nobody knows whose profile it is. */
export type RowWaitReason = 'queued' | 'no_person';

/** How many writers one kind of slot is spread over at most. */
const SLOTS = 16;

/** The number of the slot that an instance writes: the same for the same name. Two instances may share one, and then wait for each other. */
export function slotOf(instance: string): number {
  return createHash('sha256').update(instance).digest()[0]! % SLOTS;
}

export type BalanceEntry = { outcome: BalanceOutcome; reason?: string; n: number };

/** Adds to the balance of a slot (one writer per slot at a time: no hot rows). Entries of one key are summed; zeros are dropped. */
export async function addToBalance(tx: Db, slot: string, entries: readonly BalanceEntry[]): Promise<void> {
  await balanceEntries(slot, entries)?.execute(tx);
}

/** The statement that does so; null if nothing is to be added. */
export function balanceEntries(slot: string, entries: readonly BalanceEntry[]): RawBuilder<unknown> | null {
  const sums = new Map<string, { outcome: string; reason: string; n: number }>();
  for (const { outcome, reason = '', n } of entries) {
    const key = `${outcome}/${reason}`;
    sums.set(key, { outcome, reason, n: (sums.get(key)?.n ?? 0) + n });
  }
  const rows = [...sums.entries()]
    .filter(([, { n }]) => n !== 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => row);
  if (rows.length === 0) return null;
  return sql`/* balance.add */
    insert into deptrans.balance (slot, outcome, reason, n)
    select ${slot}, * from unnest(${rows.map((r) => r.outcome)}::text[], ${rows.map((r) => r.reason)}::text[], ${rows.map((r) => r.n)}::bigint[])
    on conflict (slot, outcome, reason) do update set n = deptrans.balance.n + excluded.n`;
}

export type Balance = {
  taken: number;
  /** Ended events by outcome and reason. */
  ended: { outcome: BalanceOutcome; reason: string; n: number }[];
  /** Waiting events by reason; `parked` tells whether the account is parked for it. */
  waiting: { parked: boolean; reason: string; n: number }[];
  /** taken - sum(ended) - sum(waiting): 0, always. */
  difference: number;
};

/** The whole balance, in one snapshot. Reads the queue once: for operators and gauges, not for each event. */
export async function readBalance(db: Db): Promise<Balance> {
  const { rows } = await sql<{ kind: string; outcome: string; reason: string; n: number }>`/* balance.read */
    select 'taken' as kind, '' as outcome, '' as reason, coalesce(sum(taken), 0)::bigint as n from deptrans.topic_offsets
    union all
    select 'ended', outcome, reason, sum(n)::bigint from deptrans.balance group by 2, 3
    union all
    select 'waiting', case when a.parked_reason is not null then 'parked' else 'pending' end,
           coalesce(a.parked_reason, a.wait_reason, q.wait_reason, 'queued'), count(*)
      from deptrans.status_queue q
      left join deptrans.driver_persons p using (park_id, driver_id)
      left join deptrans.profiles b on b.driver_license_pd_id = p.driver_license_pd_id
      left join deptrans.reports a on a.deptrans_id = b.deptrans_id
     where q.carries_event group by 2, 3`.execute(db);
  const of = (kind: string) => rows.filter((row) => row.kind === kind);
  const sum = (kind: string) => of(kind).reduce((total, row) => total + row.n, 0);
  return {
    taken: sum('taken'),
    ended: of('ended').map(({ outcome, reason, n }) => ({ outcome: outcome as BalanceOutcome, reason, n })),
    waiting: of('waiting').map(({ outcome, reason, n }) => ({ parked: outcome === 'parked', reason, n })),
    difference: sum('taken') - sum('ended') - sum('waiting'),
  };
}
