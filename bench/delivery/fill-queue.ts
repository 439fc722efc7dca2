import { sql } from 'kysely';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { fillPeople } from '../database/fill-people.ts';

/** The government id of the first person; the i-th has `firstId` + i. */
export const firstId = 1_000_000;

/** Fills an empty database with `count` bound people who have just come on line and whose queue rows are due: `count` reports to be sent. */
export async function fillQueue(db: Db, count: number): Promise<void> {
  await inTransaction(db, async (tx) => {
    await fillPeople(tx, count);
    await sql`insert into deptrans.profiles (driver_license_pd_id, person_no, deptrans_id, updated_at, checked_at)
      select driver_license_pd_id, person_no, ${firstId - 1}::int + person_no, deptrans.now(), deptrans.now()
        from deptrans.persons`.execute(tx);
    await sql`insert into deptrans.reports (deptrans_id) select deptrans_id from deptrans.profiles`.execute(tx);
    await sql`insert into deptrans.driver_states (park_id, driver_id, status, connected_at, event_at, source_gen, source_offset, seen_at)
      select park_id, driver_id, 'online', t, t, 1, profile_no, t
        from deptrans.driver_persons, (select deptrans.now() as t offset 0) now`.execute(tx);
    await sql`insert into deptrans.status_queue (park_id, driver_id, status, event_at, queued_at, carries_event, due_at)
      select park_id, driver_id, status, event_at, event_at, true, event_at from deptrans.driver_states`.execute(tx);
    await sql`insert into deptrans.topic_offsets (topic, partition, generation, topic_id, next_offset, taken)
      values ('bench', 0, 1, 'bench', ${count}, ${count})`.execute(tx);
  });
  await sql`vacuum analyze`.execute(db);
}
