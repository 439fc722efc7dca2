import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { beginPause, endPause, readPause } from '../../src/store/delivery-pause.ts';
import { readParked, wakeParked } from '../../src/store/operations-parked.ts';
import { putRules, readRules, switchRegionOff } from '../../src/store/rules.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { square } from '../support/delivery-world.ts';

const never = new AbortController().signal;

let database: TestDatabase;
beforeEach(async () => {
  database = await openTestDatabase();
});
afterEach(() => database[Symbol.asyncDispose]());

const park = (n: number) =>
  sql`insert into deptrans.reports (deptrans_id, parked_reason, park_until, park_count)
    select i::text, case when i % 10 = 0 then 'refused' else 'driver_blocked' end, deptrans.now() + interval '1 hour', 1
      from generate_series(1, ${n}::int) i`.execute(database.db);

const counted = async (what: ReturnType<typeof sql>) =>
  (await sql<{ n: number }>`select count(*)::int as n from deptrans.reports where ${what}`.execute(database.db))
    .rows[0]!.n;

test('all who are parked for a reason are woken, however many, and nobody else', async () => {
  const { db } = database;
  await park(2_500);
  await sql`update deptrans.reports set lease_token = 1, due_at = deptrans.now() + interval '9 s' where deptrans_id in ('1', '2')`.execute(
    db,
  );
  expect(await wakeParked(db, 'driver_blocked', never)).toEqual({ woken: 2_248, busy: 2 });
  expect(await counted(sql`park_until <= deptrans.now() and due_at <= deptrans.now()`)).toBe(2_248);
  expect(await counted(sql`lease_token is not null and dirty and park_until > deptrans.now()`)).toBe(2);
  expect(await counted(sql`parked_reason = 'refused' and due_at is null`)).toBe(250);
});

test('waking ends when the caller leaves', async () => {
  await park(100);
  expect(await wakeParked(database.db, 'driver_blocked', AbortSignal.abort())).toEqual({ woken: 0, busy: 0 });
});

test('a quiet time is not shortened by waking', async () => {
  await park(1);
  await sql`update deptrans.reports set not_before = deptrans.now() + interval '30 s'`.execute(database.db);
  expect(await wakeParked(database.db, 'driver_blocked', never)).toEqual({ woken: 1, busy: 0 });
  expect(await counted(sql`due_at = not_before`)).toBe(1);
});

test('paging through parked accounts meets each once, by reason too', async () => {
  await park(95);
  const pages = async (reason: string | null) => {
    const met: string[] = [];
    for (let after = 0, page = null; page === null || page.length > 0; after = page.at(-1)?.position ?? 0) {
      page = await readParked(database.db, { reason, after, limit: 10 });
      met.push(...page.map(({ deptransId }) => deptransId));
    }
    return met;
  };
  expect(await pages(null)).toHaveLength(95);
  expect(new Set(await pages(null)).size).toBe(95);
  expect(await pages('refused')).toHaveLength(9);
});

test('of pauses at the same time one holds, and one end ends it', async () => {
  const { db } = database;
  const begun = await Promise.all(['ann', 'bob', 'eve'].map((pausedBy) => beginPause(db, { pausedBy, reason: 'r' })));
  expect(new Set(begun.map(({ pausedBy }) => pausedBy)).size).toBe(1);
  expect(await readPause(db)).toEqual(begun[0]);
  expect(await Promise.all([endPause(db), endPause(db)])).toEqual(expect.arrayContaining([begun[0], null]));
  expect(await readPause(db)).toBeNull();
});

test('rules change only if they differ: a configuration that follows a drain is no new version', async () => {
  const { db } = database;
  const omsk = { ...square, id: 'omsk' };
  await putRules(db, [square, omsk]);
  expect(await switchRegionOff(db, 'nowhere')).toBeNull();
  expect(await switchRegionOff(db, 'omsk')).toBe(2);
  expect((await readRules(db)).regions.map(({ id, on }) => [id, on])).toEqual([
    ['moscow', true],
    ['omsk', false],
  ]);
  expect(await switchRegionOff(db, 'omsk')).toBe(2);
  await putRules(db, [square, { ...omsk, on: false }]);
  expect((await readRules(db)).version).toBe(2);
  await putRules(db, [square, omsk]);
  expect(await readRules(db)).toMatchObject({ version: 3, regions: [{ on: true }, { on: true }] });
});
