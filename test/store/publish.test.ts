import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { inTransaction } from '../../src/store/database.ts';
import { publish } from '../../src/store/publish.ts';
import { openTestDatabase } from '../support/database.ts';

test('publish numbers sessions, bindings and profiles in that order, and chains the log', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await sql`insert into deptrans.persons (driver_license_pd_id) values ('a'), ('b')`.execute(db);
  await sql`insert into deptrans.session_statuses (driver_license_pd_id, person_no, session_status, updated_at)
    values ('a', 1, 'online', now()), ('b', 2, 'online', now())`.execute(db);
  await sql`insert into deptrans.profiles (driver_license_pd_id, person_no, deptrans_id, updated_at) values ('a', 1, '7', now())`.execute(
    db,
  );
  await sql`insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no) values ('p', 'd', 'a', 1)`.execute(
    db,
  );

  const first = await inTransaction(db, (tx) => publish(tx, { sessions: [2, 1], bindings: [1], profiles: [1] }));
  const second = await inTransaction(db, (tx) => publish(tx, { sessions: [1] }));

  expect([first, second]).toEqual([4, 5]);
  const seqs = await sql`select
    (select array_agg(seq order by person_no) from deptrans.session_statuses) as sessions,
    (select seq from deptrans.profiles) as binding, (select seq from deptrans.driver_persons) as profile`.execute(db);
  expect(seqs.rows).toEqual([{ sessions: ['5', '1'], binding: 3, profile: 4 }]);
  const log = await db
    .selectFrom('deptrans.feed_log')
    .select(['seq', 'prev', 'sessions', 'bindings', 'profiles'])
    .orderBy('seq')
    .execute();
  expect(log).toEqual([
    { seq: 4, prev: 0, sessions: [2, 1], bindings: [1], profiles: [1] },
    { seq: 5, prev: 4, sessions: [1], bindings: [], profiles: [] },
  ]);
  expect(await inTransaction(db, (tx) => publish(tx, {}))).toBeNull();
});

test('the epoch has a fixed shape and changes with the operator number', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const read = async () => (await sql<{ e: string }>`select deptrans.feed_epoch() as e`.execute(db)).rows[0]!.e;
  const before = await read();
  expect(before).toMatch(/^[0-9a-f]{32}$/);
  await sql`update deptrans.feed_state set epoch_no = 2`.execute(db);
  expect(await read()).not.toBe(before);
});
