import { sql } from 'kysely';
import type { Db } from '../../src/store/database.ts';

/** Makes `count` people with one profile each, as the mirror knows them: the i-th has the keys of keys.ts and the number i + 1. */
export async function fillPeople(tx: Db, count: number): Promise<void> {
  await sql`insert into deptrans.persons (person_no, driver_license_pd_id) overriding system value
    select i + 1, md5('person ' || i) from generate_series(0, ${count - 1}::int) i`.execute(tx);
  await sql`insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no, person_revision, categories,
      categories_revision)
    select md5('park ' || i % 2000), md5('driver ' || i), md5('person ' || i), i + 1, 1, '{econom,business}', 1
      from generate_series(0, ${count - 1}::int) i`.execute(tx);
}
