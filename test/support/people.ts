import { sql } from 'kysely';
import type { Db } from '../../src/store/database.ts';

/** A person as driver-profiles would have brought it, with one profile `park/<person>`. Returns the person's number. */
export async function addPerson(db: Db, person: string): Promise<number> {
  const { rows } = await sql<{ no: number }>`
    insert into deptrans.persons (driver_license_pd_id) values (${person}) returning person_no as no`.execute(db);
  const { no } = rows[0]!;
  await addProfile(db, person, person);
  return no;
}

/** One more profile of a person, `park/<driver>`. */
export async function addProfile(db: Db, person: string, driver: string): Promise<void> {
  await sql`insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no)
    select 'park', ${driver}, driver_license_pd_id, person_no from deptrans.persons where driver_license_pd_id = ${person}`.execute(
    db,
  );
}

/** Says that the first load of driver-profiles has ended. */
export async function completeMirror(db: Db): Promise<void> {
  await sql`insert into deptrans.mirror_streams (stream, complete) values ('profiles', true)
    on conflict (stream) do update set complete = true`.execute(db);
}

/** A queue row that was handed to an account. */
export async function queueHandedOver(db: Db, driver: string): Promise<void> {
  await sql`insert into deptrans.status_queue (park_id, driver_id, status, event_at, queued_at, carries_event, due_at)
    values ('park', ${driver}, 'online', deptrans.now(), deptrans.now(), true, null)`.execute(db);
}

/** What a test may want to know of bindings, accounts and sessions, by person or id. */
export async function readBindings(db: Db) {
  const bindings = await db.selectFrom('deptrans.profiles').selectAll().orderBy('driver_license_pd_id').execute();
  const accounts = await db.selectFrom('deptrans.reports').selectAll().orderBy('deptrans_id').execute();
  const sessions = await db
    .selectFrom('deptrans.session_statuses')
    .selectAll()
    .orderBy('driver_license_pd_id')
    .execute();
  return {
    bindings: Object.fromEntries(bindings.map((row) => [row.driver_license_pd_id, row])),
    accounts: Object.fromEntries(accounts.map((row) => [row.deptrans_id, row])),
    sessions: Object.fromEntries(sessions.map((row) => [row.driver_license_pd_id, row])),
  };
}
