import { sql } from 'kysely';
import { type Db, inTransaction } from '../src/store/database.ts';

/** A person as the mirror and the bindings know them. */
export type KnownPerson = {
  token: string;
  /** Null: not bound. */
  deptransId: string | null;
  profiles: readonly { parkId: string; driverId: string }[];
  categories: readonly string[];
};

/** Writes down people as if the mirror and the drivers had done so long ago. */
export async function addPeople(db: Db, people: readonly KnownPerson[]): Promise<void> {
  const profiles = people.flatMap(({ token, categories, profiles: all }) =>
    all.map(({ parkId, driverId }) => ({ token, park: parkId, driver: driverId, categories })),
  );
  const bound = people.filter(({ deptransId }) => deptransId !== null);
  await inTransaction(db, async (tx) => {
    await sql`insert into deptrans.persons (driver_license_pd_id)
      select * from unnest(${people.map(({ token }) => token)}::text[])`.execute(tx);
    await sql`insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no, person_revision, categories, categories_revision)
      select g.park, g.driver, g.token, person_no, 1, g.categories, 1
        from jsonb_to_recordset(${JSON.stringify(profiles)}::jsonb) as g(token text, park text, driver text, categories text[])
        join deptrans.persons p on p.driver_license_pd_id = g.token`.execute(tx);
    await sql`insert into deptrans.profiles (driver_license_pd_id, person_no, deptrans_id, updated_at, checked_at)
      select g.token, person_no, g.id, deptrans.now(), deptrans.now()
        from unnest(${bound.map(({ token }) => token)}::text[], ${bound.map(({ deptransId }) => deptransId)}::text[]) g(token, id)
        join deptrans.persons p on p.driver_license_pd_id = g.token`.execute(tx);
    await sql`insert into deptrans.reports (deptrans_id)
      select * from unnest(${bound.map(({ deptransId }) => deptransId)}::text[])`.execute(tx);
  });
  await sql`vacuum analyze`.execute(db);
}
