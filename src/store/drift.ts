import { sql } from 'kysely';
import type { Db } from './database.ts';

/** Whoever is due is claimed sooner, unless there is more to do than the rate allows. */
const IDLE_MS = 1_000;

/**
 * Makes the account of one bound person due for a reading: the first after the given share of all people. Leaves alone what is worked on, in
 * doubt or waiting. Returns its id, or null if there was none to take, or no rate to spare: somebody waits, or the regulator is away.
 */
export async function verifyOne(db: Db, regulator: string, share: number): Promise<string | null> {
  const { rows } = await sql<{ deptrans_id: string }>`/* drift.verify */
    update deptrans.reports set verify_at = deptrans.now(), due_at = deptrans.now()
     where deptrans_id in (
       select r.deptrans_id
         from (select deptrans_id from deptrans.profiles
                where deptrans_id is not null and person_no > floor(${share}::float8 * (select max(person_no) from deptrans.persons))
                order by person_no limit 1) b
         join deptrans.reports r using (deptrans_id)
        where r.lease_token is null and not r.doubt and not r.suspect and r.wait_reason is null and coalesce(r.due_at, 'infinity') > (select deptrans.now())
          for no key update of r skip locked)
       and not exists (select 1 from deptrans.reports where due_at <= (select deptrans.now()) - ${IDLE_MS} * interval '1 ms' and lease_token is null)
       and not exists (select 1 from deptrans.gate where regulator = ${regulator} and open_since is not null)
    returning deptrans_id`.execute(db);
  return rows[0]?.deptrans_id ?? null;
}

/** A reading that found the regulator to hold a driver for something else than we believed. */
export type Difference = {
  /** Names the reading; newer ones have greater numbers. */
  no: number;
  at: Date;
  /** The first 8 hex digits of the id's keyed hash. */
  accountMark: string;
  /** What the regulator said. */
  connected: boolean;
  sessionStatus: string | null;
  sessionEnd: Date | null;
  /** The profiles, as they are now, of the person whose id it was. */
  drivers: { parkId: string; driverId: string }[];
};

const DRIVERS_SHOWN = 20;

/** Differences with numbers below `before`, newest first, as far back as the journal goes. */
export async function readDifferences(db: Db, before: number, limit: number): Promise<Difference[]> {
  const { rows } = await sql<Difference>`/* drift.list */
    select j.lease_token as no, j.at, left(encode(j.account, 'hex'), 8) as "accountMark", j.direction = 'connected' as connected,
           j.detail->>'session_status' as "sessionStatus", (j.detail->>'session_end')::timestamptz as "sessionEnd",
           coalesce((select jsonb_agg(jsonb_build_object('parkId', p.park_id, 'driverId', p.driver_id) order by p.park_id, p.driver_id)
                       from (select park_id, driver_id from deptrans.driver_persons p
                              where p.driver_license_pd_id = j.driver_license_pd_id and not p.deleted
                              order by 1, 2 limit ${DRIVERS_SHOWN}) p), '[]') as drivers
      from deptrans.journal j
     where j.kind = 'lookup' and j.reason = 'differs' and j.lease_token < ${before}
     order by j.lease_token desc limit ${limit}`.execute(db);
  return rows;
}
