import { sql } from 'kysely';
import type { DriverStatus } from '../domain/driver-status.ts';
import type { KnownStatus, Transition } from '../domain/status-fold.ts';
import { column, lines } from './columns.ts';
import type { Db } from './database.ts';

/**
 * Statements of the intake over many profiles at once. All of them go by the primary key, row by row in key order, however many keys there
 * are: the subselects with `for no key update` or `limit` keep the planner from scanning a table.
 */
export type ProfileKey = { parkId: string; driverId: string };

/** What is known of a profile, and where its row lies as long as this transaction holds its lock. */
export type LockedState = KnownStatus & { row: string };

/** Locks the states of profiles in key order and returns them in the order of `keys`. Profiles not known yet get a row from before all time. */
export async function lockStates(tx: Db, keys: readonly ProfileKey[]): Promise<LockedState[]> {
  const parks = lines(keys.map((k) => k.parkId));
  const drivers = lines(keys.map((k) => k.driverId));
  const listed = sql`unnest(string_to_array(${parks}, E'\\n'), string_to_array(${drivers}, E'\\n'))`;
  await sql`/* states.make */
    insert into deptrans.driver_states (park_id, driver_id, status, event_at, source_gen, source_offset, seen_at)
    select k.park_id, k.driver_id, 'offline', '-infinity', 0, -1, '-infinity'
      from ${listed} k(park_id, driver_id)
      left join lateral (
        select true as known from deptrans.driver_states s
         where s.park_id = k.park_id and s.driver_id = k.driver_id limit 1) s on true
     where s.known is null order by 1, 2 on conflict do nothing`.execute(tx);
  const { rows } = await sql<StateRow>`/* states.lock */
    select k.i, s.*
      from (select * from ${listed} with ordinality u(park_id, driver_id, i)
             order by u.park_id, u.driver_id) k
     cross join lateral (
       select s.ctid::text as row, s.status, s.source_gen, s.source_offset,
              (extract(epoch from s.connected_at) * 1000)::float8 as connected_at_ms,
              (extract(epoch from s.event_at) * 1000)::float8 as event_at_ms,
              (extract(epoch from s.seen_at) * 1000)::float8 as seen_at_ms
         from deptrans.driver_states s where s.park_id = k.park_id and s.driver_id = k.driver_id
          for no key update) s`.execute(tx);
  const known = new Array<LockedState>(keys.length);
  for (const row of rows) {
    known[row.i - 1] = {
      row: row.row,
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
  row: string;
  status: DriverStatus;
  source_gen: number;
  source_offset: number;
  connected_at_ms: number | null;
  event_at_ms: number;
  seen_at_ms: number;
};

/** A change of connected of the profile whose state has the number `no` in the list, from 1. */
export type Change = Transition & { no: number };

export type StateChanges = {
  states: readonly LockedState[];
  /** All of them, for the journal. */
  changes: readonly Change[];
  /** The last of each profile, for the queue. */
  queue: readonly Change[];
};

/**
 * Writes states that are locked; appends every change of connected to the journal, with the person behind the profile as far as known; and
 * puts the profiles that changed into the queue, due now, each with the transition that it stands for; whoever counts drivers is told. Returns how many of the rows that it
 * replaced there carried an event. A locked state keeps others from adding rows of its profile to the queue.
 *
 * One statement, in which states name their rows by where these lie: so no key is sent again. Throws if a row is not there: then it was not locked.
 */
export async function writeStates(tx: Db, { states, changes, queue }: StateChanges): Promise<{ replaced: number }> {
  if (states.length === 0) return { replaced: 0 };
  const { rows } = await sql<{ written: number; replaced: number }>`/* states.write */
    with state as (
      update deptrans.driver_states s
         set status = u.status, connected_at = to_timestamp(u.connected_at / 1000), event_at = to_timestamp(u.event_at / 1000),
             source_gen = u.gen, source_offset = u.off, seen_at = to_timestamp(u.seen_at / 1000)
        from unnest(${column(states, (s) => s.row)}::tid[], ${column(states, (s) => s.status)}::text[],
                    ${column(states, (s) => s.connectedAtMs)}::float8[], ${column(states, (s) => s.eventAtMs)}::float8[],
                    ${column(states, (s) => s.generation)}::bigint[], ${column(states, (s) => s.offset)}::bigint[],
                    ${column(states, (s) => s.seenAtMs)}::float8[]) with ordinality
               u(row, status, connected_at, event_at, gen, off, seen_at, no)
       where s.ctid = u.row
      returning s.park_id, s.driver_id, u.no
    ), known as materialized (
      select s.*, p.driver_license_pd_id as person, p.profile_no
        from state s left join lateral (
          select p.driver_license_pd_id, p.profile_no from deptrans.driver_persons p
           where p.park_id = s.park_id and p.driver_id = s.driver_id limit 1) p on true
    ), journal as (
      insert into deptrans.journal (at, kind, park_id, driver_id, driver_license_pd_id, direction, happened_at, received_at)
      select n.at, 'transition', p.park_id, p.driver_id, p.person, case c.connected when 1 then 'connected' else 'disconnected' end,
             to_timestamp(c.event_at / 1000), n.at
        from (select deptrans.now() as at offset 0) n,
             unnest(${column(changes, (c) => c.no)}::int[], ${column(changes, (c) => Number(c.connected))}::int[],
                    ${column(changes, (c) => c.eventAtMs)}::float8[]) with ordinality c(no, connected, event_at, i)
        join known p using (no)
       order by c.i
    ), counted as (
      insert into deptrans.supply_changes (at, profiles, keys)
      select deptrans.now(), coalesce(array_agg(p.profile_no) filter (where p.profile_no is not null), '{}'),
             coalesce(string_to_array(string_agg(p.park_id || E'\\n' || p.driver_id, E'\\n') filter (where p.profile_no is null), E'\\n'), '{}')
        from unnest(${column(queue, (c) => c.no)}::int[]) c(no) join known p using (no)
      having count(*) > 0
    ), queued as materialized (
      select s.park_id, s.driver_id, u.status, to_timestamp(u.event_at / 1000) as event_at
        from unnest(${column(queue, (c) => c.no)}::int[], ${column(queue, (c) => c.status)}::text[],
                    ${column(queue, (c) => c.eventAtMs)}::float8[]) u(no, status, event_at)
        join state s using (no)
       order by 1, 2
    ), replaced as materialized (
      select q.carries_event from queued k cross join lateral (
        select q.carries_event from deptrans.status_queue q
         where q.park_id = k.park_id and q.driver_id = k.driver_id for no key update) q
    ), put as (
      insert into deptrans.status_queue (park_id, driver_id, status, event_at, queued_at, carries_event, due_at)
      select k.*, n.at, true, n.at
        from (select deptrans.now() as at, (select count(*) from replaced) as after_locking offset 0) n, queued k
       order by 1, 2
      on conflict (park_id, driver_id) do update set status = excluded.status, version = excluded.version,
        event_at = excluded.event_at, queued_at = excluded.queued_at, carries_event = true,
        due_at = least(status_queue.due_at, excluded.due_at), wait_reason = null
    )
    select (select count(*)::int from state) as written, (select count(*)::int from replaced where carries_event) as replaced`.execute(
    tx,
  );
  const { written, replaced } = rows[0]!;
  if (written !== states.length) throw new Error('A state that was locked is not where it was');
  return { replaced };
}
