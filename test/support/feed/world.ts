import { sql } from 'kysely';
import { type Db, inTransaction } from '../../../src/store/database.ts';
import { lockMapping } from '../../../src/store/locks.ts';
import { publish } from '../../../src/store/publish.ts';

export type SessionChange = {
  status?: string;
  raw?: string | null;
  region?: string | null;
  endsInMs?: number | null;
  isEstimate?: boolean;
  deleted?: boolean;
};

/** `count` more people, each with `profiles` profiles `park-<n>/driver-<n>-<k>`, published in one commit. Returns their numbers. */
export async function addPeople(db: Db, count: number, profiles = 1): Promise<number[]> {
  return await inTransaction(db, async (tx) => {
    const { rows } = await sql<{ no: number }>`
      insert into deptrans.persons (driver_license_pd_id) select 'person-' || gen_random_uuid()
        from generate_series(1, ${count}::int) returning person_no as no`.execute(tx);
    const people = rows.map(({ no }) => no);
    const made = await sql<{ no: number }>`
      insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no)
      select 'park-' || person_no % 10, 'driver-' || person_no || '-' || k, driver_license_pd_id, person_no
        from deptrans.persons, generate_series(1, ${profiles}::int) k where person_no = any(${people}) returning profile_no as no`.execute(
      tx,
    );
    await publish(tx, { profiles: made.rows.map(({ no }) => no) });
    return people;
  });
}

/** Sets the sessions of people in one commit, rows locked in key order as the service does. Returns the commit's number. */
export async function setSessions(
  db: Db,
  people: readonly number[],
  change: SessionChange = {},
): Promise<number | null> {
  const { status = 'online', raw = null, region = 'moscow', endsInMs = 3_600_000, isEstimate = true } = change;
  return await inTransaction(db, async (tx) => {
    await sql`select 1 from deptrans.session_statuses where person_no = any(${[...people]}) order by driver_license_pd_id for update`.execute(
      tx,
    );
    await sql`insert into deptrans.session_statuses as s (driver_license_pd_id, person_no, session_status, session_status_raw, updated_at,
        ended_at, end_is_estimate, region, deleted)
      select driver_license_pd_id, person_no, ${status}, ${raw}::text, deptrans.now(),
        deptrans.now() + ${endsInMs}::float8 * interval '1 ms', ${isEstimate}, ${region}::text, ${change.deleted ?? false}
        from deptrans.persons where person_no = any(${[...people]}) order by driver_license_pd_id
      on conflict (driver_license_pd_id) do update set session_status = excluded.session_status,
        session_status_raw = excluded.session_status_raw, updated_at = excluded.updated_at, ended_at = excluded.ended_at,
        end_is_estimate = excluded.end_is_estimate, region = excluded.region, deleted = excluded.deleted`.execute(tx);
    return await publish(tx, { sessions: people });
  });
}

/** Binds people to ids of their own, or sets another state; an unbound row keeps no id. Under the lock that the service takes for it. */
export async function setBindings(db: Db, people: readonly number[], state = 'bound'): Promise<number | null> {
  return await inTransaction(db, async (tx) => {
    await lockMapping(tx);
    await sql`insert into deptrans.profiles as b (driver_license_pd_id, person_no, deptrans_id, updated_at, state)
      select driver_license_pd_id, person_no, case when ${state} <> 'unbound' then (100000 + person_no)::text end, deptrans.now(), ${state}
        from deptrans.persons where person_no = any(${[...people]}) order by driver_license_pd_id
      on conflict (driver_license_pd_id) do update set deptrans_id = excluded.deptrans_id, updated_at = excluded.updated_at,
        state = excluded.state`.execute(tx);
    return await publish(tx, { bindings: people });
  });
}

/** Hands the profiles of `from` to another person, or takes them away (null), or deletes them. */
export async function moveProfiles(db: Db, from: number, to: number | null, deleted = false): Promise<number | null> {
  return await inTransaction(db, async (tx) => {
    await sql`select 1 from deptrans.driver_persons where person_no = ${from} order by profile_no for update`.execute(
      tx,
    );
    const { rows } = await sql<{ no: number }>`
      update deptrans.driver_persons p set person_no = t.person_no, driver_license_pd_id = t.driver_license_pd_id, deleted = ${deleted}
        from (select 1) one left join deptrans.persons t on t.person_no = ${to}::int
       where p.person_no = ${from} returning p.profile_no as no`.execute(tx);
    return await publish(tx, { profiles: rows.map(({ no }) => no) });
  });
}

/** A record as a consumer should hold it, said plainly. */
export type PlainRecord = Record<string, string | boolean | null>;

/** What every consumer's copy must be by now: worked out by the database itself. */
export async function readRecords(db: Db, kind: 'ids' | 'statuses', regions: readonly string[] = []) {
  const micros = (column: string) => sql`(extract(epoch from ${sql.ref(column)}) * 1000000)::bigint::text`;
  const { rows } =
    kind === 'ids'
      ? await sql<PlainRecord & { key: string }>`
          select p.park_id || '/' || p.driver_id as key, coalesce(p.driver_license_pd_id, '') as person,
            b.deptrans_id is not null as bound, coalesce(b.deptrans_id, '') as id, ${micros('b.updated_at')} as updated,
            greatest(p.seq, b.seq)::text as seq
            from deptrans.driver_persons p left join deptrans.profiles b on b.person_no = p.person_no
           where p.seq > 0 and not p.deleted`.execute(db)
      : await sql<PlainRecord & { key: string }>`
          select p.park_id || '/' || p.driver_id as key, coalesce(p.driver_license_pd_id, '') as person, s.session_status as status,
            coalesce(s.session_status_raw, '') as raw, ${micros('s.updated_at')} as updated, ${micros('s.ended_at')} as ended,
            s.end_is_estimate as estimate, coalesce(s.region, '') as region, greatest(p.seq, s.seq)::text as seq
            from deptrans.driver_persons p join deptrans.session_statuses s on s.person_no = p.person_no
           where p.seq > 0 and not p.deleted and not s.deleted
             and (cardinality(${[...regions]}::text[]) = 0 or s.region = any(${[...regions]}))`.execute(db);
  return new Map(rows.map(({ key, ...record }) => [key, record]));
}
