import { sql } from 'kysely';
import type { Db } from './database.ts';

/**
 * Makes the account of one bound person due for a reading: the first after the given share of all people. Leaves alone what is worked on, in
 * doubt or waiting. Returns its id, or null if there was none to take.
 */
export async function verifyOne(db: Db, share: number): Promise<string | null> {
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
    returning deptrans_id`.execute(db);
  return rows[0]?.deptrans_id ?? null;
}
