import { sql } from 'kysely';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { fillPeople } from '../database/fill-people.ts';
import { shift } from '../intake/mixes.ts';

export type City = {
  profiles: number;
  drivers: number;
  /** How many in ten drivers are bound to an id. */
  boundOfTen?: number;
};

/**
 * Fills an empty database with a mirror of `profiles` profiles, of which the first `drivers` are in the middle of the shifts that `load.ts` goes on with:
 * their states are known, six in ten (or `boundOfTen`) are bound to an id, and what is to be told of those has been told; of the others is noted how their last event ended. The rate of the regulator has been found.
 */
export async function fillCity(db: Db, { profiles, drivers, boundOfTen = 6 }: City): Promise<void> {
  await inTransaction(db, async (tx) => {
    await fillPeople(tx, profiles);
    await sql`insert into deptrans.driver_states (park_id, driver_id, status, connected_at, event_at, source_gen, source_offset, seen_at)
      select md5('park ' || i % 2000), md5('driver ' || i), case when ${offDuty} then 'offline' else 'online' end, t, t, 0, -1, t
        from generate_series(0, ${drivers - 1}::int) i, (select deptrans.now() - interval '1 hour' as t offset 0) now
       order by ${anyOrder}`.execute(tx);
    await fillAccounts(tx, drivers, boundOfTen);
    await sql`insert into deptrans.event_ends (park_id, driver_id, outcome, reason, event_at, at)
      select md5('park ' || i % 2000), md5('driver ' || i), 'filtered', 'no_id', t, t
        from generate_series(0, ${drivers - 1}::int) i, (select deptrans.now() - interval '1 hour' as t offset 0) now
       where i % 10 >= ${boundOfTen} order by ${anyOrder}`.execute(tx);
    await sql`insert into deptrans.mirror_streams (stream, revision, complete, confirmed_at)
      select s, 'newest', true, deptrans.now() from unnest(array['profiles', 'categories']) s
      on conflict (stream) do update set revision = 'newest', complete = true, confirmed_at = excluded.confirmed_at`.execute(
      tx,
    );
    await sql`insert into deptrans.gate (regulator, rate, changed_at) values ('moscow', 2000, deptrans.now())`.execute(
      tx,
    );
  });
  await sql`vacuum analyze`.execute(db);
}

/** In which rows of drivers lie: like those of a city, in none that has to do with the order of their events. */
const anyOrder = sql.raw(`md5('place ' || i)`);

/** Whether driver i has gone off line just before the first event of a load: the last of the mix. */
const offDuty = sql.raw(`i % ${shift.length} = 0`);

async function fillAccounts(tx: Db, drivers: number, boundOfTen: number): Promise<void> {
  await sql`insert into deptrans.profiles (driver_license_pd_id, person_no, deptrans_id, updated_at, checked_at)
    select md5('person ' || i), i + 1, 1000000 + i, deptrans.now(), deptrans.now() from generate_series(0, ${drivers - 1}::int) i
     where i % 10 < ${boundOfTen} order by ${anyOrder}`.execute(tx);
  await sql`insert into deptrans.reports (deptrans_id, believed, region, session_id, session_status, session_end, session_end_is_estimate,
      session_read_at, last_sent_at, last_target)
    select b.deptrans_id, not ${offDuty}, 'moscow', 'session-' || b.deptrans_id, case when ${offDuty} then 'finished' else 'online' end,
           n.at + case when ${offDuty} then interval '0' else interval '11 h' end, not ${offDuty}, n.at, n.at - interval '1 hour', not ${offDuty}
      from deptrans.profiles b, lateral (select b.person_no - 1 as i) k, (select deptrans.now() as at offset 0) n`.execute(
    tx,
  );
  await sql`insert into deptrans.session_statuses (driver_license_pd_id, person_no, session_status, updated_at, ended_at, end_is_estimate,
      deptrans_id, region)
    select b.driver_license_pd_id, b.person_no, r.session_status, r.session_read_at, r.session_end, r.session_end_is_estimate, r.deptrans_id, r.region
      from deptrans.reports r join deptrans.profiles b using (deptrans_id)`.execute(tx);
}

/** A queue row for each driver, as after hours in which nothing was reported. They carry no event and are due in a day. */
export async function queueEverybody(db: Db): Promise<void> {
  await sql`insert into deptrans.status_queue (park_id, driver_id, status, event_at, queued_at, carries_event, due_at)
    select park_id, driver_id, status, event_at, event_at, false, deptrans.now() + interval '1 day' from deptrans.driver_states`.execute(
    db,
  );
}

/** Turns `count` bound drivers, the first being number `from` of them, on line, or off if they are on, and queues them: what the intake does to as many changes. */
export async function turnDrivers(db: Db, from: number, count: number): Promise<void> {
  await sql`with turned as (
      update deptrans.driver_states s set status = case s.status when 'offline' then 'online' else 'offline' end, event_at = n.at,
             connected_at = n.at, seen_at = n.at
        from (select md5('park ' || i % 2000) as park_id, md5('driver ' || i) as driver_id
                from (select n / 6 * 10 + n % 6 as i from generate_series(${from}::int, ${from + count - 1}::int) n) bound offset 0) k, (select deptrans.now() as at offset 0) n
       where s.park_id = k.park_id and s.driver_id = k.driver_id
      returning s.*
    )
    insert into deptrans.status_queue (park_id, driver_id, status, event_at, queued_at, carries_event, due_at)
    select park_id, driver_id, status, event_at, event_at, false, event_at from turned
    on conflict (park_id, driver_id) do update set status = excluded.status, version = excluded.version, event_at = excluded.event_at,
      queued_at = excluded.queued_at, due_at = excluded.due_at, wait_reason = null`.execute(db);
}
