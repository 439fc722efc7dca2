import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { unbind } from '../../src/store/bindings.ts';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { writeMappings } from '../../src/store/mirror-profiles.ts';
import { publish } from '../../src/store/publish.ts';
import { bindNow, KEY } from '../support/bindings.ts';
import { openTestDatabase } from '../support/database.ts';
import { Consumer, type FeedRecord } from '../support/feed/consumer.ts';
import { follow } from '../support/feed/follow.ts';
import { openTestFeed } from '../support/feed/open-test-feed.ts';
import { plainRecords } from '../support/feed/plain-records.ts';
import { readRecords, setSessions } from '../support/feed/world.ts';

/** A page of driver-profiles, as the mirror writes it: profiles of `park` by driver, each with its person, or `deleted`. */
async function mirror(db: Db, page: Record<string, string | null>): Promise<void> {
  await inTransaction(db, async (tx) => {
    const rows = Object.entries(page).map(([driverId, person]) => {
      const deleted = person === 'deleted';
      return { parkId: 'park', driverId, person: deleted ? null : person, deleted };
    });
    const changed = await writeMappings(tx, rows, { changeNo: 1, touch: false, quiet: false });
    await publish(tx, changed);
  });
}

/** Ann and Bob with two profiles each, an id and a shift; Cid with one profile and nothing else. */
async function populate(db: Db): Promise<void> {
  await mirror(db, { a1: 'ann', a2: 'ann', b1: 'bob', b2: 'bob', c1: 'cid' });
  await bindNow(db, 'a1', '1001');
  await bindNow(db, 'b1', '1002');
  const { rows } = await sql<{ no: number }>`
    select person_no as no from deptrans.persons where driver_license_pd_id in ('ann', 'bob')`.execute(db);
  await setSessions(
    db,
    rows.map(({ no }) => no),
  );
  await sql`update deptrans.reports set session_status = 'online', region = 'moscow'`.execute(db);
}

type Case = [what: string, act: (db: Db) => Promise<unknown>, ids: string[], statuses: string[]];

const cases: Case[] = [
  ['one profile goes to somebody else', (db) => mirror(db, { a1: 'bob' }), ['a1'], ['a1']],
  ['two people become one', (db) => mirror(db, { a1: 'bob', a2: 'bob' }), ['a1', 'a2'], ['a1', 'a2']],
  ['two people swap a profile', (db) => mirror(db, { a1: 'bob', b1: 'ann' }), ['a1', 'b1'], ['a1', 'b1']],
  ['a new licence', (db) => mirror(db, { a1: 'ann again', a2: 'ann again' }), ['a1', 'a2'], ['a1', 'a2']],
  ['a licence that is gone', (db) => mirror(db, { a2: null }), ['a2'], ['a2']],
  ['a profile deleted', (db) => mirror(db, { b2: 'deleted' }), ['b2'], ['b2']],
  [
    'all profiles of a person deleted',
    (db) => mirror(db, { b1: 'deleted', b2: 'deleted' }),
    ['b1', 'b2'],
    ['b1', 'b2'],
  ],
  [
    'a profile deleted and made again, for another person',
    async (db) => {
      await mirror(db, { a1: 'deleted' });
      await mirror(db, { a1: 'cid' });
    },
    ['a1'],
    ['a1'],
  ],
  ['a new profile of somebody known', (db) => mirror(db, { a3: 'ann' }), ['a3'], ['a3']],
  ['an id for somebody without', (db) => bindNow(db, 'c1', '1003'), ['c1'], []],
  ['an id that moves takes its shift along', (db) => bindNow(db, 'c1', '1001'), ['a1', 'a2', 'c1'], ['a1', 'a2', 'c1']],
  [
    'an id taken away',
    (db) => inTransaction(db, (tx) => unbind(tx, 'ann', { journalKey: KEY, reason: 'test' })),
    ['a1', 'a2'],
    ['a1', 'a2'],
  ],
  [
    'a merged person gets the other id',
    async (db) => {
      await mirror(db, { a1: 'bob', a2: 'bob' });
      await bindNow(db, 'a1', '1001');
    },
    ['a1', 'a2', 'b1', 'b2'],
    ['a1', 'a2', 'b1', 'b2'],
  ],
];

test.each(cases)('%s: every profile concerned changes, and no other', async (_, act, ids, statuses) => {
  await using database = await openTestDatabase();
  const { db } = database;
  await populate(db);
  await using feed = await openTestFeed(db);
  const consumers = (['ids', 'statuses'] as const).map((kind) => ({ kind, consumer: new Consumer() }));
  for (const { kind, consumer } of consumers) {
    await follow(feed, kind, consumer, () => consumer.cases().at(-1) === 'heartbeat');
  }
  const before = consumers[0]!.consumer.position;
  await act(db);
  const { rows } = await sql<{ head: string }>`select max(seq)::text as head from deptrans.feed_log`.execute(db);
  const head = BigInt(rows[0]!.head);
  expect(head).toBeGreaterThan(before);
  for (const { kind, consumer } of consumers) {
    const isThere = () => consumer.cases().at(-1) === 'heartbeat' && consumer.position >= head;
    await follow(feed, kind, consumer, isThere);
    expect(plainRecords(consumer.copy)).toEqual(await readRecords(db, kind));
    const changed = consumer.frames.flatMap<FeedRecord>(({ frame }) =>
      frame.case === 'changes' ? frame.value.records : [],
    );
    const names = [...new Set(changed.map(({ driverId }) => driverId))].sort();
    expect(names).toEqual(kind === 'ids' ? ids : statuses);
  }
});
