import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { inTransaction } from '../../src/store/database.ts';
import { publish } from '../../src/store/publish.ts';
import { openMaintenanceWorld, signal } from './world.ts';

const DAY = 86_400_000;

test('each table shrinks by its retention, and what is still needed stays', async () => {
  await using world = await openMaintenanceWorld();
  const { db, maintenance, count } = world;
  const fill = async () => {
    await sql`insert into deptrans.journal (at, kind) values (deptrans.now(), 'transition')`.execute(db);
    await sql`insert into deptrans.session_history (at, driver_license_pd_id, session_status, updated_at, end_is_estimate, deleted)
      values (deptrans.now(), 'a', 'online', deptrans.now(), false, false)`.execute(db);
    await sql`insert into deptrans.quarantine (topic, partition, generation, source_offset, reason, at, payload)
      values ('t', 0, 0, 0, 'UNREADABLE', deptrans.now(), '')`.execute(db);
    await sql`insert into deptrans.audit (at, caller, operation, request_id, detail)
      values (deptrans.now(), 'ann', 'Status', 'r', '{}')`.execute(db);
    await sql`insert into deptrans.feed_log (seq, prev, at, sessions, bindings, profiles)
      select nextval('deptrans.feed_seq'), 0, deptrans.now(), '{}', '{}', '{}' from generate_series(1, 3)`.execute(db);
  };
  await maintenance.runOnce(signal);
  await fill();
  await sql`insert into deptrans.driver_states (park_id, driver_id, status, event_at, source_gen, source_offset, seen_at)
    values ('p', 'off', 'offline', deptrans.now(), 0, 0, deptrans.now()), ('p', 'on', 'online', deptrans.now(), 0, 0, deptrans.now())`.execute(
    db,
  );
  await sql`insert into deptrans.persons (driver_license_pd_id) values ('a')`.execute(db);
  await sql`insert into deptrans.profiles (driver_license_pd_id, person_no, deptrans_id, updated_at) values ('a', 1, '3', deptrans.now())`.execute(
    db,
  );
  await sql`insert into deptrans.reports (deptrans_id, believed) values ('1', false), ('2', true), ('3', false)`.execute(
    db,
  );

  await maintenance.runOnce(signal);
  expect(await Promise.all(['journal', 'quarantine', 'feed_log', 'driver_states', 'reports'].map(count))).toEqual([
    1, 1, 3, 2, 3,
  ]);
  await world.advance(32 * DAY);
  await fill();
  await maintenance.runOnce(signal);
  const tables = ['journal', 'session_history', 'quarantine', 'audit', 'feed_log', 'driver_states', 'reports'];
  expect(await Promise.all(tables.map(count))).toEqual([1, 1, 1, 1, 3, 1, 2]);
  const left = await db.selectFrom('deptrans.reports').select('deptrans_id').orderBy('deptrans_id').execute();
  expect(left.map((row) => row.deptrans_id)).toEqual(['2', '3']); // believed, owned
  await world.advance(DAY);
  await maintenance.runOnce(signal);
  expect(await count('feed_log')).toBe(1); // the newest stays
});

test.each([1, 7, 30])(
  'a journal of %i days keeps so many whole days and today, and drops what is older',
  async (journalDays) => {
    await using world = await openMaintenanceWorld({ journalDays });
    const { db, maintenance } = world;
    for (let day = 0; day <= journalDays + 2; day += 1) {
      await maintenance.runOnce(signal);
      await sql`insert into deptrans.journal (at, kind) values (deptrans.now(), 'transition')`.execute(db);
      await world.advance(DAY);
    }
    await maintenance.runOnce(signal);
    const { rows } = await sql<{ age: number }>`
    select (deptrans.now()::date - at::date)::int as age from deptrans.journal order by 1`.execute(db);
    expect(rows.map(({ age }) => age)).toEqual(Array.from({ length: journalDays }, (_, i) => i + 1));
    expect(await world.count('journal_default')).toBe(0);
  },
);

test('partitions are made ahead, and rows do not fall into the default one', async () => {
  await using world = await openMaintenanceWorld();
  await world.maintenance.runOnce(signal);
  await sql`insert into deptrans.journal (at, kind) select deptrans.now() + i * interval '1 day', 'transition' from generate_series(0, 3) i`.execute(
    world.db,
  );
  expect(await world.count('journal_default')).toBe(0);
  expect(await world.count('journal')).toBe(4);
});

test('tombstones stay for their time, and going raises the floor in the same commit', async () => {
  await using world = await openMaintenanceWorld();
  const { db, maintenance, count } = world;
  await maintenance.runOnce(signal);
  await sql`insert into deptrans.persons (driver_license_pd_id) values ('a')`.execute(db);
  await inTransaction(db, async (tx) => {
    await sql`insert into deptrans.driver_persons (park_id, driver_id, deleted)
      values ('p', 'gone', true), ('p', 'here', false)`.execute(tx);
    await publish(tx, { profiles: [1, 2] });
  });
  const floor = async () =>
    (await db.selectFrom('deptrans.feed_state').select('floor_seq').executeTakeFirstOrThrow()).floor_seq;

  await world.advance(2 * 3_600_000);
  await maintenance.runOnce(signal); // remembers the number of the tombstone
  await world.advance(6 * DAY);
  await maintenance.runOnce(signal);
  expect([await count('driver_persons'), await floor()]).toEqual([2, 0]);
  await world.advance(2 * DAY);
  await maintenance.runOnce(signal);
  expect([await count('driver_persons'), await floor()]).toEqual([1, 1]);
});
