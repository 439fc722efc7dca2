import { sql } from 'kysely';
import type { Random } from '../../simulator/random.ts';
import type { Db } from '../../src/store/database.ts';
import type { Changed } from '../../src/store/publish.ts';

/** In the order of the contract's enum. */
export const STATUSES = ['issued', 'online', 'finished', 'finalized', 'canceled', 'unrecognised'];
const REGIONS = ['moscow', 'tver', 'omsk'];

/** Adds people with two profiles each. Returns their numbers and what is to be published. */
export async function addPeople(tx: Db, count: number): Promise<{ people: number[]; changed: Changed }> {
  const made = await sql<{ no: number }>`insert into deptrans.persons (driver_license_pd_id)
    select 'person-' || i from generate_series(1, ${count}::int) i returning person_no as no`.execute(tx);
  const profiles = await sql<{
    no: number;
  }>`insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no)
    select 'park-' || person_no % 10, 'driver-' || person_no || '-' || k, driver_license_pd_id, person_no
      from deptrans.persons, generate_series(1, 2) k returning profile_no as no`.execute(tx);
  return { people: made.rows.map(({ no }) => no), changed: { profiles: profiles.rows.map(({ no }) => no) } };
}

/** A random change of up to `most` people: mostly of their sessions. To be published by the caller. */
export function makeChange(tx: Db, random: Random, people: readonly number[], most: number): Promise<Changed> {
  const some = () => [...new Set(Array.from({ length: 1 + random.int(most) }, () => random.pick(people)))];
  const kind = random.int(20);
  if (kind < 13) return putSessions(tx, some(), random.pick(STATUSES), random.pick(REGIONS), random.chance(0.15));
  if (kind < 16) return putBindings(tx, some(), random.chance(0.7));
  const to = kind < 19 ? random.pick(people) : null;
  return moveProfiles(tx, random.pick(people), to, to === null && random.chance(0.7));
}

export async function putSessions(
  tx: Db,
  people: number[],
  status: string,
  region: string,
  deleted: boolean,
): Promise<Changed> {
  await sql`select 1 from deptrans.session_statuses where person_no = any(${people}) order by driver_license_pd_id for update`.execute(
    tx,
  );
  await sql`insert into deptrans.session_statuses (driver_license_pd_id, person_no, session_status, updated_at, ended_at, end_is_estimate, region, deleted)
    select driver_license_pd_id, person_no, ${status}, deptrans.now(), deptrans.now() + interval '1 hour', true, ${region}, ${deleted}
      from deptrans.persons where person_no = any(${people}) order by driver_license_pd_id
    on conflict (driver_license_pd_id) do update set session_status = excluded.session_status, updated_at = excluded.updated_at,
      ended_at = excluded.ended_at, region = excluded.region, deleted = excluded.deleted`.execute(tx);
  return { sessions: people };
}

export async function putBindings(tx: Db, people: number[], isBound: boolean): Promise<Changed> {
  await sql`insert into deptrans.profiles as b (driver_license_pd_id, person_no, deptrans_id, updated_at, state)
    select driver_license_pd_id, person_no, case when ${isBound} then (100000 + person_no)::text end, deptrans.now(),
           case when ${isBound} then 'bound' else 'unbound' end
      from deptrans.persons where person_no = any(${people}) order by driver_license_pd_id
    on conflict (driver_license_pd_id) do update set deptrans_id = excluded.deptrans_id, updated_at = excluded.updated_at, state = excluded.state`.execute(
    tx,
  );
  return { bindings: people };
}

/** Hands a person's profiles to another, or to nobody, or deletes them. Those that are nobody's come back to the next who gives. */
export async function moveProfiles(tx: Db, from: number, to: number | null, deleted: boolean): Promise<Changed> {
  const { rows } = await sql<{ no: number }>`
    with mine as (
      select profile_no from (
        (select park_id, driver_id from deptrans.driver_persons where person_no = ${from})
        union (select park_id, driver_id from deptrans.driver_persons where person_no is null and ${to}::int is not null limit 2)) k
      cross join lateral (select profile_no from deptrans.driver_persons p
        where p.park_id = k.park_id and p.driver_id = k.driver_id for update) p order by k.park_id, k.driver_id)
    update deptrans.driver_persons p set person_no = t.person_no, driver_license_pd_id = t.driver_license_pd_id, deleted = ${deleted}
      from (select 1) one left join deptrans.persons t on t.person_no = ${to}::int
     where p.profile_no in (select profile_no from mine) returning p.profile_no as no`.execute(tx);
  return { profiles: rows.map(({ no }) => no) };
}
