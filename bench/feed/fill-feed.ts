import { sql } from 'kysely';
import { type Db, inTransaction } from '../../src/store/database.ts';

/** How many people, all bound and with a session, and how many profiles: `profiles` >= `people`. */
export type FeedSize = { people: number; profiles: number };

/** Fills what the feed is made of, with numbers as if every change had been published one after the other. */
export async function fillFeed(db: Db, { people, profiles }: FeedSize): Promise<void> {
  await inTransaction(db, async (tx) => {
    await sql`insert into deptrans.persons (person_no, driver_license_pd_id) overriding system value
      select i + 1, md5('person ' || i) from generate_series(0, ${people - 1}::int) i`.execute(tx);
    await sql`insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no, person_revision, categories,
        categories_revision, seq)
      select md5('park ' || i % 2000), md5('driver ' || i), md5('person ' || i % ${people}::int), i % ${people}::int + 1, 1,
        '{econom,business}', 1, i + 1 from generate_series(0, ${profiles - 1}::int) i`.execute(tx);
    await sql`insert into deptrans.profiles (driver_license_pd_id, person_no, deptrans_id, updated_at, checked_at, state, seq)
      select md5('person ' || i), i + 1, 1000000 + i, deptrans.now(), deptrans.now(), 'bound', ${profiles}::int + i + 1
        from generate_series(0, ${people - 1}::int) i`.execute(tx);
    await sql`insert into deptrans.session_statuses (driver_license_pd_id, person_no, session_status, updated_at, ended_at,
        end_is_estimate, deptrans_id, region, deleted, seq)
      select md5('person ' || i), i + 1, 'online', deptrans.now(), deptrans.now() + interval '12 h', true, 1000000 + i, 'moscow',
        false, ${profiles + people}::int + i + 1 from generate_series(0, ${people - 1}::int) i`.execute(tx);
    const head = profiles + 2 * people;
    await sql`select setval('deptrans.feed_seq', ${head})`.execute(tx);
    await sql`insert into deptrans.feed_log (seq, prev, at, sessions, bindings, profiles)
      values (${head}, 0, deptrans.now(), '{}', '{}', '{}')`.execute(tx);
  });
  await sql`vacuum (analyze) deptrans.driver_persons, deptrans.profiles, deptrans.session_statuses`.execute(db);
}
