import { type RawBuilder, sql } from 'kysely';
import type { RowsEnd } from '../domain/plan.ts';
import type { BalanceEntry } from './balance.ts';
import type { ClaimedLook } from './claim.ts';
import { rowsOf } from './compact.ts';
import { noteEnded } from './event-ends.ts';
import type { SettleItem } from './settle.ts';

/** A row of the queue that goes with a look. */
type RowEnd = { look: ClaimedLook; end: RowsEnd; parkId: string; driverId: string; version: number };

const ended = rowsOf<RowEnd>('g', {
  id: ['text', ({ look }) => look.account.deptransId],
  token: ['bigint', ({ look }) => look.token],
  park_id: ['text', ({ parkId }) => parkId],
  driver_id: ['text', ({ driverId }) => driverId],
  version: ['bigint', ({ version }) => version],
  outcome: ['text', ({ end }) => end.outcome],
  reason: ['text', ({ end }) => end.reason],
});

function rowEnds(items: readonly SettleItem[]): RowEnd[] {
  const ends: RowEnd[] = [];
  for (const { look, settlement } of items) {
    const end = settlement.rows;
    if (end === null) continue;
    for (const { parkId, driverId, queued } of look.profiles) {
      if (queued) ends.push({ look, end, parkId, driverId, version: queued.version });
    }
  }
  return ends;
}

/** Whether some event may end in a way that leaves no other trace. Most are sent, and what is sent costs nothing here. */
function mayLeaveNoTrace(items: readonly SettleItem[], maxAgeMs: number): boolean {
  for (const { look, settlement } of items) {
    if (settlement.rows === null) continue;
    if (settlement.rows.outcome !== 'sent') return true;
    // Too old is told by the database, some time after the look.
    const since = look.now.getTime() - maxAgeMs / 2;
    for (const { queued } of look.profiles) if (queued && queued.eventAt.getTime() < since) return true;
  }
  return false;
}

/** The statement that lets the rows of settled looks go, those whose lease still holds, and counts how they ended; null if there are none. */
export function rowsDelete(items: readonly SettleItem[], maxAgeMs: number): RawBuilder<BalanceEntry> | null {
  const ends = rowEnds(items);
  if (ends.length === 0) return null;
  const [columns, noted] = mayLeaveNoTrace(items, maxAgeMs)
    ? [sql`q.park_id, q.driver_id, q.event_at, `, sql`, noted as (${noteEnded})`]
    : [sql``, sql``];
  return sql<BalanceEntry>`/* settle.rows */
    with gone as (
      select q.park_id, q.driver_id, g.outcome, g.reason
        from ${ended(ends)}
        join deptrans.reports r on r.deptrans_id = g.id and r.lease_token = g.token
        join deptrans.status_queue q on q.park_id = g.park_id and q.driver_id = g.driver_id and q.version = g.version
       order by q.park_id, q.driver_id for update of q),
    ended as (
    delete from deptrans.status_queue q using gone where q.park_id = gone.park_id and q.driver_id = gone.driver_id
    returning ${columns}case when not q.carries_event then null
                   when q.event_at < deptrans.now() - ${maxAgeMs} * interval '1 ms' then 'expired'
                   else gone.outcome end as outcome, gone.reason)${noted}
    select outcome, reason, count(*) as n from ended where outcome is not null group by 1, 2`;
}
