import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { expect, test, vi } from 'vitest';
import { encodeCursor, filterHash } from '../../src/domain/cursor.ts';
import type { Db } from '../../src/store/database.ts';
import { openTestDatabase } from '../support/database.ts';
import { type FeedApi, openFeedApi } from '../support/feed/api.ts';
import type { FeedRecord } from '../support/feed/consumer.ts';
import { PATIENCE } from '../support/feed/open-test-feed.ts';
import { plainRecords } from '../support/feed/plain-records.ts';
import { refusalOf } from '../support/feed/refusal.ts';
import { addPeople, moveProfiles, readRecords, setBindings, setSessions } from '../support/feed/world.ts';

/** A poller: its copy, and how it asks for more. */
class Poller {
  readonly copy = new Map<string, FeedRecord>();
  cursor: Uint8Array = new Uint8Array(0);
  pages: { records: number; reset: boolean }[] = [];

  take({ records, cursor, reset }: { records: readonly FeedRecord[]; cursor: Uint8Array; reset: boolean }): void {
    if (reset) this.copy.clear();
    for (const record of records) {
      const key = `${record.parkId}/${record.driverId}`;
      if (record.deleted) this.copy.delete(key);
      else this.copy.set(key, record);
    }
    this.cursor = cursor;
    this.pages.push({ records: records.length, reset });
  }

  /** Reads to the end; other fields of the request only in the first call. */
  async poll({ updates }: FeedApi, request: object = {}, regions: string[] = []): Promise<void> {
    this.pages = [];
    for (let hasMore = true, first = true; hasMore; first = false) {
      const asked = { cursor: this.cursor, regions, ...(first && request) };
      const page = await updates.listStatusUpdates(asked);
      this.take({ records: page.statuses, cursor: page.cursor, reset: page.reset });
      hasMore = page.hasMore;
    }
  }
}

const caughtUp = (db: Db, api: FeedApi) =>
  vi.waitFor(async () => {
    const { rows } = await sql<{ head: number }>`select max(seq) as head from deptrans.feed_log`.execute(db);
    expect(api.feed.head()).toBe(rows[0]!.head);
  }, PATIENCE);

test('pages cover the state without splitting a person, and then the changes', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 100, 3);
  await setSessions(db, people);
  await using api = await openFeedApi(db);
  const poller = new Poller();
  await poller.poll(api, { limit: 7 });
  expect(poller.pages[0]).toEqual({ records: 9, reset: false });
  expect(poller.pages.map(({ records }) => records).reduce((a, b) => a + b)).toBe(300);
  expect(plainRecords(poller.copy)).toEqual(await readRecords(db, 'statuses'));

  await poller.poll(api);
  expect(poller.pages).toEqual([{ records: 0, reset: false }]);
  await setSessions(db, people.slice(0, 2), { deleted: true });
  await moveProfiles(db, people[5]!, null, true);
  await caughtUp(db, api);
  await poller.poll(api);
  expect(poller.pages).toEqual([{ records: 9, reset: false }]);
  expect(plainRecords(poller.copy)).toEqual(await readRecords(db, 'statuses'));
});

test('ids too', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 20);
  await setBindings(db, people.slice(0, 15));
  await setBindings(db, people.slice(0, 5), 'unbound');
  await using api = await openFeedApi(db);
  const { ids, hasMore, reset } = await api.updates.listIdUpdates({});
  expect([hasMore, reset]).toEqual([false, false]);
  const copy = new Map(ids.map((record) => [`${record.parkId}/${record.driverId}`, record]));
  expect(plainRecords(copy)).toEqual(await readRecords(db, 'ids'));
});

test('a poller may wait for something to come', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 5);
  await setSessions(db, people);
  await using api = await openFeedApi(db);
  const poller = new Poller();
  await poller.poll(api);
  const waiting = poller.poll(api, { waitMs: 30_000 });
  await setSessions(db, people.slice(0, 2), { region: 'tver' });
  await waiting;
  expect(poller.pages).toEqual([{ records: 2, reset: false }]);
  await poller.poll(api, { waitMs: 30 });
  expect(poller.pages).toEqual([{ records: 0, reset: false }]);
});

test('a poller that knows only a time gets what was committed after it, or the whole state', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 10);
  await setSessions(db, people);
  await sql`update deptrans.feed_log set at = at - interval '1 minute'`.execute(db);
  await setSessions(db, people.slice(0, 3), { deleted: true });
  await setSessions(db, people.slice(3, 5), { region: 'tver' });
  await using api = await openFeedApi(db);
  const after = async (ms: number) => {
    const page = await api.updates.listStatusUpdates({ updatedAfter: timestampFromMs(Date.now() + ms) });
    return { keys: page.statuses.map(({ seq }) => Number(seq)), reset: page.reset };
  };
  expect(await after(-30_000)).toEqual({ keys: [21, 22, 23, 24, 25], reset: false });
  expect(await after(10_000)).toEqual({ keys: [], reset: false });
  const all = [16, 17, 18, 19, 20, 21, 22, 23, 24, 25];
  expect(await after(-3_600_000)).toEqual({ keys: all, reset: true });

  const { cursor } = await api.updates.listStatusUpdates({ limit: 5 });
  const both = await api.updates.listStatusUpdates({ cursor, updatedAfter: timestampFromMs(Date.now() + 10_000) });
  expect(both.statuses).toHaveLength(5); // the cursor wins
});

test('a cursor that cannot be continued starts a whole new copy', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 30);
  await setSessions(db, people);
  await using api = await openFeedApi(db);
  const poller = new Poller();
  await poller.poll(api);
  poller.cursor = encodeCursor({ epoch: 'f'.repeat(16), seq: 3, filter: filterHash('statuses', []) });
  await poller.poll(api, { limit: 10 });
  expect(poller.pages.map(({ reset }) => reset)).toEqual([true, false]);
  expect(plainRecords(poller.copy)).toEqual(await readRecords(db, 'statuses'));

  await setSessions(db, people.slice(0, 10), { region: 'tver' });
  await caughtUp(db, api);
  await poller.poll(api, {}, ['tver']);
  expect(poller.pages).toEqual([{ records: 10, reset: true }]);
  await setSessions(db, people.slice(0, 4), { region: 'moscow' });
  await caughtUp(db, api);
  await poller.poll(api, {}, ['tver']);
  expect(poller.pages).toEqual([{ records: 4, reset: false }]);
  expect(plainRecords(poller.copy)).toEqual(await readRecords(db, 'statuses', ['tver']));
});

test('a poller that remembers only when it last asked misses nothing, deletions included', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 40);
  await setSessions(db, people);
  await sql`update deptrans.feed_log set at = at - interval '1 minute'`.execute(db); // older than what a time leads back to
  await using api = await openFeedApi(db);
  const poller = new Poller();
  let asked = Date.now();
  await poller.poll(api);
  for (let round = 0; round < 12; round++) {
    await setSessions(db, people.slice(round, round + 5), { deleted: round % 3 === 0, region: `region-${round % 2}` });
    if (round % 4 === 3) await moveProfiles(db, people[round + 20]!, people[round]!);
    await caughtUp(db, api);
    const updatedAfter = timestampFromMs(asked);
    asked = Date.now();
    poller.cursor = new Uint8Array(0);
    await poller.poll(api, { updatedAfter });
    expect(poller.pages.every(({ reset }) => !reset)).toBe(true);
    expect(plainRecords(poller.copy)).toEqual(await readRecords(db, 'statuses'));
  }
});

test('a cursor older than the tombstones that are kept, or of the other stream: reset, and the whole from 0', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 12);
  await setSessions(db, people);
  await using api = await openFeedApi(db);
  const poller = new Poller();
  await poller.poll(api);
  const { cursor } = poller;
  expect(await api.updates.listIdUpdates({ cursor, limit: 5 })).toMatchObject({ reset: true, hasMore: true });
  await sql`update deptrans.feed_state set floor_seq = 30`.execute(db);
  await setSessions(db, people.slice(0, 8), { deleted: true });
  await caughtUp(db, api);
  await poller.poll(api, { limit: 5 });
  expect(poller.pages[0]!.reset).toBe(true);
  expect(plainRecords(poller.copy)).toEqual(await readRecords(db, 'statuses'));
  expect(poller.copy.size).toBe(4);
});

test('limits', async () => {
  await using database = await openTestDatabase();
  await using api = await openFeedApi(database.db);
  for (const request of [{ limit: 10_001 }, { limit: 4_294_967_295 }, { waitMs: 30_001 }]) {
    expect(await refusalOf(api.updates.listIdUpdates(request))).toBe('InvalidArgument LIMIT_OUT_OF_RANGE');
    expect(await refusalOf(api.updates.listStatusUpdates(request))).toBe('InvalidArgument LIMIT_OUT_OF_RANGE');
  }
  expect(await api.updates.listIdUpdates({ limit: 10_000 })).toMatchObject({ ids: [], hasMore: false, reset: false });
});

test('the REST path says the same, in the contract names', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 3);
  await setSessions(db, people);
  await using api = await openFeedApi(db);
  const get = async (query: string) => {
    const response = await fetch(`${api.url}/internal/v1/status/updates?${query}`);
    return { status: response.status, body: (await response.json()) as Record<string, never> };
  };
  const first = await get('limit=2&regions=moscow');
  expect(first).toMatchObject({ status: 200, body: { has_more: true } });
  expect(first.body['statuses']).toHaveLength(2);
  expect(first.body['statuses']![0]).toMatchObject({ park_id: 'park-1', driver_id: 'driver-1-1', region: 'moscow' });
  const rest = await get(`regions=moscow&cursor=${Buffer.from(first.body['cursor']!, 'base64').toString('base64url')}`);
  expect(rest.body['statuses']).toHaveLength(1);
  expect(await get('regions=atlantis')).toMatchObject({ status: 400, body: { reason: 'FILTER_UNKNOWN' } });
  expect(await get('cursor=AAAA')).toMatchObject({ status: 400, body: { reason: 'CURSOR_MALFORMED' } });
  const { rows } = await sql<{ epoch: string }>`select deptrans.feed_epoch() as epoch`.execute(db);
  const ahead = { epoch: rows[0]!.epoch.slice(0, 16), seq: 1_000_000, filter: filterHash('statuses', []) };
  const future = await get(`cursor=${Buffer.from(encodeCursor(ahead)).toString('base64url')}`);
  expect(future).toMatchObject({ status: 503, body: { code: 'unavailable', reason: 'CURSOR_AHEAD' } });
});
