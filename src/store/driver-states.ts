import { sql } from 'kysely';
import type { DriverStatus } from '../domain/driver-status.ts';
import type { KnownStatus, Transition } from '../domain/status-fold.ts';
import type { Db } from './database.ts';

/**
 * Statements of the intake over many profiles at once. All of them go by the primary key, row by row in key order, however many keys there
 * are: the subselects with `for no key update` or `limit` keep the planner from scanning a table.
 */
export type ProfileKey = { parkId: string; driverId: string };

/** Locks the states of profiles in key order and returns them in the order of `keys`. Profiles not known yet get a row from before all time. */
export async function lockStates(tx: Db, keys: readonly ProfileKey[]): Promise<KnownStatus[]> {
  const [parks, drivers] = columns(keys);
  await sql`/* states.make */
    insert into deptrans.driver_states (park_id, driver_id, status, event_at, source_gen, source_offset, seen_at)
    select k.park_id, k.driver_id, 'offline', '-infinity', 0, -1, '-infinity'
      from unnest(${parks}::text[], ${drivers}::text[]) k(park_id, driver_id)
      left join lateral (
        select true as known from deptrans.driver_states s
         where s.park_id = k.park_id and s.driver_id = k.driver_id limit 1) s on true
     where s.known is null order by 1, 2 on conflict do nothing`.execute(tx);
  const { rows } = await sql<StateRow>`/* states.lock */
    select k.i, s.*
      from (select * from unnest(${parks}::text[], ${drivers}::text[]) with ordinality u(park_id, driver_id, i)
             order by u.park_id, u.driver_id) k
     cross join lateral (
       select s.status, s.source_gen, s.source_offset,
              (extract(epoch from s.connected_at) * 1000)::float8 as connected_at_ms,
              (extract(epoch from s.event_at) * 1000)::float8 as event_at_ms,
              (extract(epoch from s.seen_at) * 1000)::float8 as seen_at_ms
         from deptrans.driver_states s where s.park_id = k.park_id and s.driver_id = k.driver_id
          for no key update) s`.execute(tx);
  const known = new Array<KnownStatus>(keys.length);
  for (const row of rows) {
    known[row.i - 1] = {
      status: row.status,
      connectedAtMs: row.connected_at_ms,
      eventAtMs: row.event_at_ms,
      generation: row.source_gen,
      offset: row.source_offset,
      seenAtMs: row.seen_at_ms,
    };
  }
  return known;
}

type StateRow = {
  i: number;
  status: DriverStatus;
  source_gen: number;
  source_offset: number;
  connected_at_ms: number | null;
  event_at_ms: number;
  seen_at_ms: number;
};

/** Writes states that are locked. */
export async function writeStates(tx: Db, states: readonly (ProfileKey & KnownStatus)[]): Promise<void> {
  if (states.length === 0) return;
  const [parks, drivers] = columns(states);
  await sql`/* states.write */
    insert into deptrans.driver_states (park_id, driver_id, status, connected_at, event_at, source_gen, source_offset, seen_at)
    select u.park_id, u.driver_id, u.status, to_timestamp(u.connected_at / 1000), to_timestamp(u.event_at / 1000), u.gen, u.off,
           to_timestamp(u.seen_at / 1000)
      from unnest(${parks}::text[], ${drivers}::text[], ${states.map((s) => s.status)}::text[],
                  ${states.map((s) => s.connectedAtMs)}::float8[], ${states.map((s) => s.eventAtMs)}::float8[],
                  ${states.map((s) => s.generation)}::bigint[], ${states.map((s) => s.offset)}::bigint[],
                  ${states.map((s) => s.seenAtMs)}::float8[])
             u(park_id, driver_id, status, connected_at, event_at, gen, off, seen_at)
     order by 1, 2
    on conflict (park_id, driver_id) do update set status = excluded.status, connected_at = excluded.connected_at,
      event_at = excluded.event_at, source_gen = excluded.source_gen, source_offset = excluded.source_offset,
      seen_at = excluded.seen_at`.execute(tx);
}

/** Appends every change of connected to the journal, with the person behind the profile as far as known. */
export async function journalTransitions(tx: Db, transitions: readonly (ProfileKey & Transition)[]): Promise<void> {
  if (transitions.length === 0) return;
  const [parks, drivers] = columns(transitions);
  await sql`/* states.journal */
    insert into deptrans.journal (at, kind, park_id, driver_id, driver_license_pd_id, direction, happened_at, received_at)
    select n.at, 'transition', u.park_id, u.driver_id, p.driver_license_pd_id,
           case when u.connected then 'connected' else 'disconnected' end, to_timestamp(u.event_at / 1000), n.at
      from (select deptrans.now() as at offset 0) n,
           unnest(${parks}::text[], ${drivers}::text[], ${transitions.map((t) => t.connected)}::boolean[],
                  ${transitions.map((t) => t.eventAtMs)}::float8[]) with ordinality u(park_id, driver_id, connected, event_at, i)
      left join lateral (
        select p.driver_license_pd_id from deptrans.driver_persons p
         where p.park_id = u.park_id and p.driver_id = u.driver_id limit 1) p on true
     order by u.i`.execute(tx);
}

/**
 * Puts profiles into the queue, each with the transition that it stands for, due now. Returns how many of the rows it replaced carried an
 * event. The profiles' states are locked, so nobody else adds rows for them.
 */
export async function enqueue(tx: Db, rows: readonly (ProfileKey & Transition)[]): Promise<number> {
  if (rows.length === 0) return 0;
  const [parks, drivers] = columns(rows);
  const replaced = await sql<{ carried: number }>`/* queue.lock */
    select count(*) filter (where q.carries_event)::int as carried
      from (select * from unnest(${parks}::text[], ${drivers}::text[]) u(park_id, driver_id) order by 1, 2) k
     cross join lateral (
       select q.carries_event from deptrans.status_queue q
        where q.park_id = k.park_id and q.driver_id = k.driver_id for no key update) q`.execute(tx);
  await sql`/* queue.put */
    insert into deptrans.status_queue (park_id, driver_id, status, event_at, queued_at, carries_event, due_at)
    select u.park_id, u.driver_id, u.status, to_timestamp(u.event_at / 1000), n.at, true, n.at
      from (select deptrans.now() as at offset 0) n,
           unnest(${parks}::text[], ${drivers}::text[], ${rows.map((r) => r.status)}::text[],
                  ${rows.map((r) => r.eventAtMs)}::float8[]) u(park_id, driver_id, status, event_at)
     order by 1, 2
    on conflict (park_id, driver_id) do update set status = excluded.status, version = excluded.version,
      event_at = excluded.event_at, queued_at = excluded.queued_at, carries_event = true, due_at = excluded.due_at,
      wait_reason = null`.execute(tx);
  return replaced.rows[0]!.carried;
}

function columns(keys: readonly ProfileKey[]): [parks: string[], drivers: string[]] {
  return [keys.map((k) => k.parkId), keys.map((k) => k.driverId)];
}
