import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Intake } from '../../src/intake/intake.ts';
import { readBalance } from '../../src/store/balance.ts';
import { batchOf, openTestIntake, readTables, type Written } from '../intake/support.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let intake: Intake;
beforeEach(async () => {
  database = await openTestDatabase();
  intake = openTestIntake(database.db);
});
afterEach(async () => {
  expect((await readBalance(database.db)).difference).toBe(0);
  await intake[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const tables = () => readTables(database.db);
const take = (from: number, texts: Written[], place = {}) => intake.takeBatch(batchOf(from, texts, place));

test('a batch becomes state, journal, queue, position and balance', async () => {
  expect(await take(0, ['p/a online 1', 'p/b offline 2', 'p/a busy 3'])).toEqual({
    kind: 'taken',
    accepted: 3,
    duplicate: 0,
    outdated: 0,
    skipped: 0,
    refused: [],
  });
  expect(await tables()).toEqual({
    states: [
      { profile: 'p/a', status: 'busy', connectedAt: 1, eventAt: 3, gen: 1, offset: 2 },
      { profile: 'p/b', status: 'offline', connectedAt: null, eventAt: 2, gen: 1, offset: 1 },
    ],
    queue: [{ profile: 'p/a', status: 'online', eventAt: 1, carries: true, due: true, version: expect.any(Number) }],
    journal: [{ profile: 'p/a', direction: 'connected', person: null, happenedAt: 1 }],
    offsets: [{ topic: 't', partition: 0, gen: 1, id: 'one', next: 3, taken: 3 }],
    quarantine: [],
    balance: { no_change: 2 },
  });
});

test('going off and on within one batch leaves a queue row, though the state is the same', async () => {
  await take(0, ['p/a online 1']);
  await sql`update deptrans.status_queue set due_at = null`.execute(database.db);
  const before = (await tables()).queue[0]!;
  await take(1, ['p/a offline 2', 'p/a online 3']);
  const { states, queue, journal, balance } = await tables();
  expect(states[0]).toMatchObject({ status: 'online', connectedAt: 3 });
  expect(queue).toEqual([{ ...before, eventAt: 3, due: true, version: expect.any(Number) }]);
  expect(queue[0]!['version']).toBeGreaterThan(before['version'] as number);
  expect(journal.map((row) => row['direction'])).toEqual(['connected', 'disconnected', 'connected']);
  expect(balance).toEqual({ merged: 2 });
});

test('a row that carries no event is replaced without a merge', async () => {
  await take(0, ['p/a online 1']);
  await sql`update deptrans.status_queue set carries_event = false`.execute(database.db);
  await sql`insert into deptrans.balance values ('w', 'sent', '', 1)`.execute(database.db);
  await take(1, ['p/a offline 2']);
  expect((await tables()).balance).toEqual({ sent: 1 });
});

test('flips between free and busy change the state and nothing else', async () => {
  await take(0, ['p/a online 1']);
  await sql`delete from deptrans.status_queue`.execute(database.db);
  await sql`insert into deptrans.balance values ('w', 'sent', '', 1)`.execute(database.db);
  await take(1, ['p/a busy 2', 'p/a online 3', 'p/a busy 4']);
  const { states, queue, journal, balance } = await tables();
  expect(states[0]).toMatchObject({ status: 'busy', connectedAt: 1, eventAt: 4 });
  expect(queue).toEqual([]);
  expect(journal).toHaveLength(1);
  expect(balance).toEqual({ no_change: 3, sent: 1 });
});

test('the journal names the person, where one is known', async () => {
  await sql`insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id) values ('p', 'a', 'pd-a'), ('p', 'b', null)`.execute(
    database.db,
  );
  await take(0, ['p/a online 1', 'p/b online 2', 'p/c online 3']);
  expect((await tables()).journal.map((row) => row['person'])).toEqual(['pd-a', null, null]);
});

describe('the position', () => {
  test('a batch that comes again changes nothing and does not count', async () => {
    await take(0, ['p/a online 1', 'p/b online 2']);
    const before = await tables();
    expect(await take(0, ['p/a online 1', 'p/b online 2'])).toMatchObject({ kind: 'taken', skipped: 2, accepted: 0 });
    expect(await tables()).toEqual(before);
  });

  test('of a batch that overlaps, only the new part counts', async () => {
    await take(0, ['p/a online 1', 'p/b online 2']);
    expect(await take(1, ['p/b online 2', 'p/c online 3'])).toMatchObject({ skipped: 1, accepted: 1 });
    expect((await tables()).offsets).toEqual([{ topic: 't', partition: 0, gen: 1, id: 'one', next: 3, taken: 3 }]);
  });

  test('a batch that would leave a hole is misplaced', async () => {
    await take(0, ['p/a online 1']);
    expect(await take(2, ['p/b online 2'])).toEqual({ kind: 'misplaced' });
    expect((await tables()).offsets[0]).toMatchObject({ next: 1, taken: 1 });
  });

  test('offsets that a partition never gives (transactions, compaction) are no hole', async () => {
    await take(0, ['p/a online 1']);
    expect(await take(5, ['p/b online 2'], { from: 1, next: 9 })).toMatchObject({ accepted: 1 });
    expect((await tables()).offsets[0]).toMatchObject({ next: 9, taken: 2 });
  });

  test('a zombie of an older topic of the same name is refused; the new topic starts at 0', async () => {
    await take(0, ['p/a online 1', 'p/b online 2', 'p/c online 3']);
    expect(await take(0, ['p/a offline 4'], { generation: 2, topicId: 'two' })).toMatchObject({ accepted: 1 });
    expect(await take(3, ['p/b offline 5'])).toEqual({ kind: 'misplaced' });
    expect(await take(1, ['p/b offline 5'], { generation: 2, topicId: 'three' })).toEqual({ kind: 'misplaced' });
    expect((await tables()).offsets).toEqual([{ topic: 't', partition: 0, gen: 2, id: 'two', next: 1, taken: 4 }]);
    expect((await tables()).states.map((row) => row['status'])).toEqual(['offline', 'online', 'online']);
  });

  test('a new topic that is not read from its beginning is misplaced', async () => {
    await take(0, ['p/a online 1']);
    expect(await take(1, ['p/a offline 2'], { generation: 2, topicId: 'two' })).toEqual({ kind: 'misplaced' });
  });

  test('partitions do not know each other', async () => {
    await take(0, ['p/a online 1'], { partition: 3 });
    await take(0, ['p/a offline 2'], { partition: 4 });
    expect((await tables()).offsets.map((row) => [row['partition'], row['next']])).toEqual([
      [3, 1],
      [4, 1],
    ]);
  });
});

test('order is by the time of events: older ones are outdated, equal ones duplicates', async () => {
  await take(0, ['p/a online 10']);
  expect(await take(1, ['p/a offline 5', 'p/a online 10'])).toMatchObject({ outdated: 1, duplicate: 1, accepted: 0 });
  expect(await take(3, ['p/a offline 10'])).toMatchObject({ accepted: 1 });
  expect((await tables()).balance).toEqual({ duplicate: 1, merged: 1, outdated: 1 });
});

test('what cannot be taken goes to quarantine, each with its reason; the rest of the batch and the position move on', async () => {
  const json = (fields: object) => Buffer.from(JSON.stringify({ park_id: 'p', driver_id: 'x', ...fields }));
  const eventAt = (ms: number) => ({ status: 'online', event_at: new Date(Date.now() + ms).toISOString() });
  const result = await take(0, [
    'p/a online 1',
    null,
    Buffer.from('{"park_id"'),
    json({}),
    json({ status: 'online', event_at: 5 }),
    Buffer.from('{}'),
    Buffer.alloc(70_000, 'x'),
    json(eventAt(3600_000)),
    json({ status: 'online', event_at: '2099-01-01T00:00:00Z' }),
    json(eventAt(-8 * 86_400_000)),
    'p/b online 2',
  ]);
  const reasons = [
    'UNREADABLE',
    'UNREADABLE',
    'BAD_STATUS',
    'BAD_TIME',
    'BAD_KEY',
    'TOO_LARGE',
    'TIME_IN_FUTURE',
    'TIME_IN_FUTURE',
    'TIME_TOO_OLD',
  ];
  expect(result).toMatchObject({ accepted: 2, refused: reasons.map((reason, i) => ({ index: i + 1, reason })) });
  const { quarantine, states, offsets, balance } = await tables();
  expect(quarantine.map(({ offset, reason }) => [offset, reason])).toEqual(reasons.map((reason, i) => [i + 1, reason]));
  expect(quarantine.map((row) => row['bytes']).slice(0, 6)).toEqual([0, 10, 31, 62, 2, 4096]);
  expect(states.map((row) => row['profile'])).toEqual(['p/a', 'p/b']);
  expect(offsets[0]).toMatchObject({ next: 11, taken: 11 });
  expect(balance).toEqual({
    'quarantined BAD_KEY': 1,
    'quarantined BAD_STATUS': 1,
    'quarantined BAD_TIME': 1,
    'quarantined TIME_IN_FUTURE': 2,
    'quarantined TIME_TOO_OLD': 1,
    'quarantined TOO_LARGE': 1,
    'quarantined UNREADABLE': 2,
  });
});

test('an event within the allowed minute of the future is taken', async () => {
  const soon = {
    park_id: 'p',
    driver_id: 'a',
    status: 'online',
    event_at: new Date(Date.now() + 50_000).toISOString(),
  };
  expect(await take(0, [Buffer.from(JSON.stringify(soon))])).toMatchObject({ accepted: 1 });
});

test('a driver who comes back from a silence is queued again', async () => {
  await take(0, ['p/a online 1']);
  await sql`delete from deptrans.status_queue`.execute(database.db);
  await sql`insert into deptrans.balance values ('w', 'sent', '', 1)`.execute(database.db);
  await database.advance(25 * 3600_000);
  await take(1, [`p/a busy ${25 * 3600}`]);
  expect((await tables()).queue).toMatchObject([{ profile: 'p/a', status: 'busy', carries: true }]);
});

test('a connected driver is seen in steps of ten minutes, and no index but the key is on states', async () => {
  const { rows: indexes } = await sql<{ name: string }>`
    select indexname as name from pg_indexes where tablename = 'driver_states'`.execute(database.db);
  expect(indexes).toEqual([{ name: 'driver_states_pkey' }]);
  await take(0, ['p/a online 1']);
  const before = await sql<{ s: Date }>`select seen_at as s from deptrans.driver_states`.execute(database.db);
  await take(1, ['p/a busy 500']);
  await take(2, ['p/a online 599']);
  const after = await sql<{ s: Date }>`select seen_at as s from deptrans.driver_states`.execute(database.db);
  expect(after.rows).toEqual(before.rows);
  await take(3, ['p/a busy 601']);
  const later = await sql<{ s: Date }>`select seen_at as s from deptrans.driver_states`.execute(database.db);
  expect(later.rows[0]!.s.getTime() - before.rows[0]!.s.getTime()).toBe(600_000);
});
