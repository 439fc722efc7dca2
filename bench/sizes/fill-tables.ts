import { sql } from 'kysely';
import { type Db, inTransaction } from '../../src/store/database.ts';

/** Rows of each table. */
export type Counts = { ids: number; queueRows: number; sessions: number };

/** Fills the three tables that the brief estimates, every column of every row, with the keys of database/keys.ts. `ids` >= `sessions`. */
export async function fillTables(db: Db, { ids, queueRows, sessions }: Counts): Promise<void> {
  await inTransaction(db, async (tx) => {
    await sql`insert into deptrans.persons (person_no, driver_license_pd_id) overriding system value
      select i + 1, md5('person ' || i) from generate_series(0, ${ids - 1}::int) i`.execute(tx);
    await sql`insert into deptrans.profiles (driver_license_pd_id, person_no, deptrans_id, updated_at, checked_at, state, seq)
      select md5('person ' || i), i + 1, 1000000 + i, deptrans.now(), deptrans.now(), 'bound', i + 1
        from generate_series(0, ${ids - 1}::int) i`.execute(tx);
    await sql`insert into deptrans.session_statuses (driver_license_pd_id, person_no, session_status, session_status_raw, updated_at,
        ended_at, end_is_estimate, deptrans_id, region, deleted, seq)
      select md5('person ' || i), i + 1, 'unrecognised', 'SUSPENDED', deptrans.now(), deptrans.now() + interval '12 h', true, 1000000 + i,
             'moscow', false, ${ids} + i + 1
        from generate_series(0, ${sessions - 1}::int) i`.execute(tx);
    await sql`insert into deptrans.status_queue (park_id, driver_id, status, event_at, queued_at, carries_event, due_at, wait_reason)
      select md5('park ' || i % 2000), md5('driver ' || i), 'offline', deptrans.now(), deptrans.now(), true,
             deptrans.now() + interval '30 s', 'no_person'
        from generate_series(0, ${queueRows - 1}::int) i`.execute(tx);
  });
}
