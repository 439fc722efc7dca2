import { expect, test, vi } from 'vitest';
import { openTestDatabase } from '../support/database.ts';
import { type FeedApi, openFeedApi } from '../support/feed/api.ts';
import type { FeedRecord } from '../support/feed/consumer.ts';
import { digestOf, keyHash } from '../support/feed/murmur.ts';
import { PATIENCE } from '../support/feed/open-test-feed.ts';
import { plainRecords } from '../support/feed/plain-records.ts';
import { refusalOf } from '../support/feed/refusal.ts';
import { addPeople, moveProfiles, readRecords, setBindings, setSessions } from '../support/feed/world.ts';

const keyOf = ({ parkId, driverId }: { parkId: string; driverId: string }) => `${parkId}/${driverId}`;
const bucketOf = ({ parkId, driverId }: { parkId: string; driverId: string }) => keyHash(parkId, driverId)[0] & 255;

/** The sum and the count of the one bucket of a heartbeat's digest. */
async function toldDigest({ updates }: FeedApi, kind: 'ids' | 'statuses') {
  for await (const { frame } of kind === 'ids' ? updates.watchIds({}) : updates.watchStatuses({})) {
    if (frame.case !== 'heartbeat') continue;
    const { sums, counts } = frame.value.digest!;
    const hex = { sums: Buffer.from(sums).toString('hex'), counts: Buffer.from(counts).toString('hex') };
    return { ...hex, throughSeq: frame.value.throughSeq };
  }
  throw new Error('the stream ended');
}

test('the 256 buckets are the whole, each as the digest of a heartbeat says', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 300, 2);
  await setSessions(db, people.slice(0, 250));
  await setBindings(db, people.slice(50));
  await setSessions(db, people.slice(0, 20), { deleted: true });
  await moveProfiles(db, people[30]!, people[299]!);
  const head = (await moveProfiles(db, people[31]!, null, true))!;
  await using api = await openFeedApi(db);
  for (const kind of ['ids', 'statuses'] as const) {
    const all = new Map<string, FeedRecord>();
    const readBucket = async (_: unknown, bucket: number) => {
      const page =
        kind === 'ids' ? await api.updates.listIdUpdates({ bucket }) : await api.updates.listStatusUpdates({ bucket });
      const records: FeedRecord[] = page.$typeName === 'deptrans.v1.ListIdUpdatesResponse' ? page.ids : page.statuses;
      expect(page).toMatchObject({ hasMore: false, reset: false, throughSeq: BigInt(head) });
      expect(records.every((record) => bucketOf(record) === bucket && !record.deleted)).toBe(true);
      expect(records.map(({ seq }) => seq)).toEqual(records.map(({ seq }) => seq).sort((a, b) => Number(a - b)));
      for (const record of records) all.set(keyOf(record), record);
    };
    await Promise.all(Array.from({ length: 256 }, readBucket));
    expect(plainRecords(all)).toEqual(await readRecords(db, kind));
    expect(await toldDigest(api, kind)).toEqual({ ...digestOf(all.values()), throughSeq: BigInt(head) });
  }
});

test('a bucket in pages is exact at the end, whatever changed between them', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 3_000);
  await setSessions(db, people);
  await using api = await openFeedApi(db);
  const whole = await api.updates.listStatusUpdates({ bucket: 7 });
  const personOf = new Map(people.map((no) => [`driver-${no}-1`, no]));
  const nos = whole.statuses.map(({ driverId }) => personOf.get(driverId)!);
  expect(nos.length).toBeGreaterThan(4);

  const first = await api.updates.listStatusUpdates({ bucket: 7, limit: 3 });
  expect(first).toMatchObject({ hasMore: true, throughSeq: whole.statuses[2]!.seq });
  expect(first.statuses).toEqual(whole.statuses.slice(0, 3));
  await setSessions(db, [nos[0]!], { deleted: true });
  const head = (await setSessions(db, [nos[1]!, people.find((no) => !nos.includes(no))!], { region: 'tver' }))!;
  await vi.waitFor(() => expect(api.feed.head()).toBe(head), PATIENCE);
  const rest = await api.updates.listStatusUpdates({ bucket: 7, cursor: first.cursor });
  expect(rest).toMatchObject({ hasMore: false, reset: false, throughSeq: BigInt(head) });
  const told = [...first.statuses, ...rest.statuses];
  expect(rest.statuses.slice(-2).map(({ driverId, deleted }) => [personOf.get(driverId), deleted])).toEqual([
    [nos[0], true],
    [nos[1], false],
  ]);
  const copy = new Map(told.map((record) => [keyOf(record), record]));
  for (const [key, { deleted }] of copy) if (deleted) copy.delete(key);
  const expected = await readRecords(db, 'statuses');
  expect(plainRecords(copy)).toEqual(new Map([...expected].filter(([key]) => copy.has(key))));
  expect(copy.size).toBe(nos.length - 1);
});

test('the profiles of a person that fall into one bucket are never split', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 2, 700);
  await setSessions(db, people);
  await using api = await openFeedApi(db);
  const page = await api.updates.listStatusUpdates({ bucket: 0, limit: 1 });
  const whole = await api.updates.listStatusUpdates({ bucket: 0 });
  const ofFirst = whole.statuses.filter(({ seq }) => seq === whole.statuses[0]!.seq);
  expect(ofFirst.length).toBeGreaterThan(1);
  expect(page.statuses).toEqual(ofFirst);
  expect([page.hasMore, page.throughSeq]).toEqual([true, ofFirst[0]!.seq]);
});

test('a cursor belongs to its bucket, and to no stream', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await setSessions(db, await addPeople(db, 50));
  await using api = await openFeedApi(db);
  const { cursor } = await api.updates.listStatusUpdates({ bucket: 1 });
  expect(await api.updates.listStatusUpdates({ cursor, bucket: 1 })).toMatchObject({ reset: false, statuses: [] });
  for (const other of [{ bucket: 2 }, { bucket: 1, regions: ['moscow'] }, {}]) {
    expect(await api.updates.listStatusUpdates({ cursor, ...other })).toMatchObject({ reset: true });
  }
  expect(await api.updates.listIdUpdates({ cursor, bucket: 1 })).toMatchObject({ reset: true });
});

test('a bucket is answered at once, however long the caller would wait, and whatever time it names', async () => {
  await using database = await openTestDatabase();
  await using api = await openFeedApi(database.db);
  const page = await api.updates.listIdUpdates({ bucket: 255, waitMs: 30_000, updatedAfter: { seconds: 1n } });
  expect(page).toMatchObject({ ids: [], hasMore: false, reset: false, throughSeq: 0n });
});

test('there are 256 buckets, on the REST path too', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 100);
  await setBindings(db, people);
  await using api = await openFeedApi(db);
  for (const bucket of [256, 4_294_967_295]) {
    expect(await refusalOf(api.updates.listIdUpdates({ bucket }))).toBe('InvalidArgument LIMIT_OUT_OF_RANGE');
    expect(await refusalOf(api.updates.listStatusUpdates({ bucket }))).toBe('InvalidArgument LIMIT_OUT_OF_RANGE');
  }
  const get = async (query: string) => {
    const response = await fetch(`${api.url}/internal/v1/id/updates?${query}`);
    return { status: response.status, body: (await response.json()) as Record<string, never> };
  };
  const { ids } = await api.updates.listIdUpdates({ bucket: 0 });
  const zero = await get('bucket=0');
  expect(zero).toMatchObject({ status: 200, body: { through_seq: '200', has_more: false } });
  expect(zero.body['ids']).toHaveLength(ids.length);
  expect(await get('bucket=256')).toMatchObject({ status: 400, body: { reason: 'LIMIT_OUT_OF_RANGE' } });
  expect(await get('bucket=-1')).toMatchObject({ status: 400, body: { reason: 'REQUEST_MALFORMED' } });
});
