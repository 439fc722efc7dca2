import { type RawBuilder, sql } from 'kysely';
import type { BalanceOutcome } from './balance.ts';
import type { Db } from './database.ts';

/** How an event ended that left no other trace. */
export type EventEnd = {
  outcome: Exclude<BalanceOutcome, 'sent' | 'merged' | 'quarantined'>;
  reason: string;
  eventAt: Date;
  at: Date;
};

const overwrite = sql.raw(`
  on conflict (park_id, driver_id, outcome) do update set reason = excluded.reason, event_at = excluded.event_at, at = excluded.at`);

/**
 * The last part of a statement that has ended rows of the queue: notes those whose end leaves no other trace. They are the rows of `ended`, with
 * park_id, driver_id, outcome (null: the row carried no event), reason and event_at.
 */
export const noteEnded: RawBuilder<unknown> = sql`
  insert into deptrans.event_ends (park_id, driver_id, outcome, reason, event_at, at)
  select park_id, driver_id, outcome, reason, event_at, (select deptrans.now()) from ended
   where outcome in ('no_change', 'filtered', 'expired') order by 1, 2 ${overwrite}`;

export type IgnoredEvent = { parkId: string; driverId: string; outcome: 'duplicate' | 'outdated'; eventAtMs: number };

/** Notes events that changed nothing since they, or newer ones, were known. Of one profile and outcome one at most. The caller holds the profiles' states. */
export async function noteIgnored(tx: Db, events: readonly IgnoredEvent[]): Promise<void> {
  if (events.length === 0) return;
  await sql`/* ends.ignored */
    insert into deptrans.event_ends (park_id, driver_id, outcome, event_at, at)
    select g.park, g.driver, g.outcome, to_timestamp(g.event_at / 1000), (select deptrans.now())
      from jsonb_to_recordset(${JSON.stringify(events.map(toRow))}::jsonb) as g(park text, driver text, outcome text, event_at float8)
     order by 1, 2, 3 ${overwrite}`.execute(tx);
}

function toRow({ parkId, driverId, outcome, eventAtMs }: IgnoredEvent) {
  return { park: parkId, driver: driverId, outcome, event_at: eventAtMs };
}

/** The last end of each kind of a profile, newest first. */
export async function readEventEnds(db: Db, parkId: string, driverId: string): Promise<EventEnd[]> {
  const { rows } = await sql<EventEnd>`/* ends.read */
    select outcome, reason, event_at as "eventAt", at from deptrans.event_ends
     where park_id = ${parkId} and driver_id = ${driverId} order by at desc`.execute(db);
  return rows;
}
