import { type RawBuilder, sql } from 'kysely';
import type { Db } from './database.ts';

export type FailoverLimits = {
  /** How far a standby may be behind when it takes over; 0: not at all, it is synchronous. */
  failoverLagMs: number;
  /** By then intake and mirror have taken again what was lost. */
  failoverDoubtMs: number;
  /** The longest life of a call, from its intent on. */
  callMs: number;
};

/** More numbers than can have been given and lost. */
const LOST_NUMBERS = 10_000_000;

/**
 * What is set where a call may be missing: the account is looked up, or written, before anything else. Whatever time the lost report told, the next one
 * tells a newer; a shift that began until now may be ours; and if it is over, it was we who ended it, so that nobody stays unreported.
 */
export function suspectIf(condition: RawBuilder<boolean>): RawBuilder<unknown> {
  return sql`suspect = suspect or coalesce(${condition}, false),
        last_target = case when ${condition} then false else last_target end,
        last_sent_at = case when ${condition} then deptrans.now() else last_sent_at end,
        last_occurred_at = case when ${condition} then deptrans.now() else last_occurred_at end`;
}

/**
 * Goes on with the history of a server that took over from another, in the caller's transaction: until then no account is claimed there (`deptrans.may_claim`).
 * Marks the accounts about which a call may be missing, and holds all claims until such calls have ended. Who else is woken by what is taken
 * again is marked then (`wake`). Returns how many were marked; null if there is nothing new, or another instance is at it.
 *
 * Not guaranteed: what was lost with a standby that was further behind than `failoverLagMs`.
 */
export async function acceptHistory(tx: Db, limits: FailoverLimits): Promise<number | null> {
  const { failoverLagMs: lagMs, failoverDoubtMs, callMs } = limits;
  const { rows } = await sql`/* failover.lock */
    select 1 from deptrans.delivery_history where timeline <> deptrans.timeline() for update skip locked`.execute(tx);
  if (rows.length === 0) return null;
  const marked = lagMs === 0 ? 0 : await markAccounts(tx, lagMs);
  await sql`/* failover.numbers */
    select setval('deptrans.change_no', nextval('deptrans.change_no') + ${LOST_NUMBERS}::bigint)`.execute(tx);
  await sql`/* failover.accept */
    update deptrans.delivery_history set timeline = deptrans.timeline(), since = deptrans.now(),
      claims_from = deptrans.now() + ${lagMs === 0 ? 0 : callMs} * interval '1 ms',
      doubt_until = deptrans.now() + ${lagMs === 0 ? 0 : failoverDoubtMs} * interval '1 ms'`.execute(tx);
  return marked;
}

/**
 * Accounts that were being worked on or due, those whose owner had an event as late as the lost commits, and those that the sweep keeps an eye on: they
 * are reported without any event.
 */
async function markAccounts(tx: Db, lagMs: number): Promise<number> {
  const { rows } = await sql<{ id: string }>`/* failover.concerned */
    select r.deptrans_id as id from deptrans.reports r
     where r.lease_token is not null or r.due_at <= (select deptrans.now()) or r.watched or r.deptrans_id in (
       select b.deptrans_id from deptrans.driver_states s
         join deptrans.driver_persons using (park_id, driver_id)
         join deptrans.profiles b using (driver_license_pd_id)
        where s.event_at >= (select coalesce(pg_last_xact_replay_timestamp(), max(at), deptrans.now()) from deptrans.feed_log)
                            - ${lagMs} * interval '1 ms')
     order by r.deptrans_id for no key update of r`.execute(tx);
  const ids = rows.map(({ id }) => id);
  await sql`/* failover.suspect */
    update deptrans.reports set dirty = true, due_at = case when lease_token is null then deptrans.now() else due_at end,
        ${suspectIf(sql`true`)}
     where deptrans_id = any(${ids})`.execute(tx);
  return ids.length;
}
