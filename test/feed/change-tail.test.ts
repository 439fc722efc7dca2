import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { openChangeTail } from '../../src/feed/change-tail.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import type { Db } from '../../src/store/database.ts';
import { openTestDatabase } from '../support/database.ts';
import { addPeople, setSessions } from '../support/feed/world.ts';

function tailOf(db: Db) {
  const reloads: string[] = [];
  let changes = 0;
  let time = 1_000;
  const tail = openChangeTail({
    db,
    clock: { ...systemClock, monotonic: () => time },
    log: openLog('silent'),
    changed: () => {
      changes += 1;
    },
    reloaded: (reason) => reloads.push(reason),
  });
  const pass = (ms: number) => {
    time += ms;
  };
  return { tail, reloads, pass, changes: () => changes };
}

test('the copy follows the commits, and says how old it is', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const { tail, pass, changes } = tailOf(db);
  expect([tail.copy, tail.sourceAgeMs()]).toEqual([null, Number.POSITIVE_INFINITY]);

  const people = await addPeople(db, 3);
  expect(await tail.poll()).toBe('more');
  expect(tail.copy).toMatchObject({ head: 3, floor: 0 });
  expect(changes()).toBe(1);
  pass(70);
  expect(tail.sourceAgeMs()).toBe(70);
  expect(await tail.poll()).toBe('idle');
  expect([tail.sourceAgeMs(), changes()]).toEqual([0, 1]);

  await setSessions(db, people);
  await sql`update deptrans.feed_state set floor_seq = 2`.execute(db);
  pass(30);
  expect(await tail.poll()).toBe('idle');
  expect(tail.copy).toMatchObject({ head: 6, floor: 2 });
  expect([tail.copy!.streams.statuses.count, tail.copy!.streams.statuses.through, changes()]).toEqual([3, 6, 2]);
  expect([tail.copy!.streams.ids.count, tail.copy!.streams.ids.through]).toEqual([3, 3]);
});

test('while there is more to read, the copy is not fresh', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const { tail, pass } = tailOf(db);
  await tail.poll();
  for (let i = 0; i < 2; i++) await addPeople(db, 15_000);
  await addPeople(db, 1);
  pass(40);
  expect(await tail.poll()).toBe('more');
  expect([tail.copy!.head, tail.sourceAgeMs()]).toEqual([30_000, 40]);
  expect(await tail.poll()).toBe('idle');
  expect([tail.copy!.head, tail.sourceAgeMs()]).toEqual([30_001, 0]);
});

test('a log that was cut makes the copy load anew, complete', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const { tail, reloads } = tailOf(db);
  const people = await addPeople(db, 5);
  await tail.poll();
  const before = tail.copy;
  await setSessions(db, people.slice(0, 2));
  await setSessions(db, people.slice(2));
  await sql`delete from deptrans.feed_log where seq < (select max(seq) from deptrans.feed_log)`.execute(db);

  expect(await tail.poll()).toBe('more');
  expect(reloads).toEqual(['chain']);
  expect(tail.copy).not.toBe(before);
  expect(tail.copy!.streams.statuses.count).toBe(5);
  expect(await tail.poll()).toBe('idle');
});

test('a commit that could not be taken in whole makes the copy load anew', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const { tail, reloads } = tailOf(db);
  const people = await addPeople(db, 5);
  await tail.poll();
  const before = tail.copy!;
  before.streams.statuses.publish = () => {
    throw new RangeError('out of memory');
  };
  await setSessions(db, people);
  expect(await tail.poll()).toBe('more');
  expect(reloads).toEqual(['chain']);
  expect(tail.copy!.streams.statuses.count).toBe(5);
});

test('another history makes the copy load anew', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const { tail, reloads } = tailOf(db);
  await addPeople(db, 2);
  await tail.poll();
  const { epoch } = tail.copy!;
  await sql`update deptrans.feed_state set epoch_no = 2`.execute(db);
  expect(await tail.poll()).toBe('more');
  expect(reloads).toEqual(['epoch']);
  expect(tail.copy!.epoch).not.toBe(epoch);
  expect(await tail.poll()).toBe('idle');
});

test('a database that is behind the copy does not take it back', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const { tail, reloads, pass } = tailOf(db);
  const people = await addPeople(db, 2);
  await setSessions(db, people);
  await tail.poll();
  const log = await sql<{ seq: number }>`delete from deptrans.feed_log where seq = 4 returning *`.execute(db);
  pass(500);
  expect(await tail.poll()).toBe('idle');
  expect([tail.copy!.head, tail.sourceAgeMs(), reloads]).toEqual([4, 500, []]);

  expect(log.rows).toHaveLength(1);
  await sql`insert into deptrans.feed_log select 4, 2, deptrans.now(), ${people}::int[], '{}', '{}'`.execute(db);
  expect(await tail.poll()).toBe('idle');
  expect(tail.sourceAgeMs()).toBe(0);
});

test('a poller that knows a time is sent to a number that is never too late', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const { tail } = tailOf(db);
  await addPeople(db, 1);
  await sql`update deptrans.feed_log set at = at - interval '20 minutes'`.execute(db);
  await addPeople(db, 1);
  await tail.poll();
  await addPeople(db, 1);
  await tail.poll();
  const now = Date.now();
  expect(tail.seqAt(now - 3_600_000)).toBeNull();
  expect(tail.seqAt(now - 600_000)).toBe(1);
  expect(tail.seqAt(now + 5_000)).toBe(3);
});
