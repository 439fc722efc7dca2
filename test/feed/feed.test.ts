import { fromBinary } from '@bufbuild/protobuf';
import { expect, test, vi } from 'vitest';
import { WatchStatusesResponseSchema } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { openFeed } from '../../src/feed/feed.ts';
import { ENVELOPE_BYTES, type Frame } from '../../src/feed/frames.ts';
import { FeedRefusal } from '../../src/feed/refusal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { openDatabase } from '../../src/store/database.ts';
import { openTestDatabase } from '../support/database.ts';
import { type Cable, openCable } from '../support/feed/cable.ts';
import { Consumer } from '../support/feed/consumer.ts';
import { follow } from '../support/feed/follow.ts';
import { openTestFeed, PATIENCE } from '../support/feed/open-test-feed.ts';
import { plainRecords } from '../support/feed/plain-records.ts';
import { addPeople, readRecords, setSessions } from '../support/feed/world.ts';

const NOBODY = new AbortController().signal;
const WHOLE = { cursor: new Uint8Array(0), regions: [] };
const PAGE = { ...WHOLE, updatedAfterMs: null, limit: 1_000, waitMs: 0, bucket: null };

function messageOf(frame: Frame) {
  return fromBinary(WatchStatusesResponseSchema, frame.subarray(ENVELOPE_BYTES));
}

function openThrough(cable: Cable, url: string) {
  const through = new URL(url);
  through.port = String(cable.port);
  return openDatabase({
    url: through.href,
    maxConnections: 3,
    statementTimeoutMs: 5_000,
    connectTimeoutMs: 1_000,
    applicationName: 'through-cable',
    log: openLog('silent'),
    timer: openMetrics(systemClock).timer('store'),
  });
}

test('with the database gone it serves what it knows, ever older, and goes on when it is back', async () => {
  await using database = await openTestDatabase();
  await using cable = await openCable(Number(new URL(database.url).port));
  await using far = openThrough(cable, database.url);
  const people = await addPeople(database.db, 10);
  await setSessions(database.db, people);
  await using feed = await openTestFeed(far.db);
  const consumer = new Consumer();
  const beatAge = () => {
    const { frame } = consumer.frames.at(-1)!;
    return frame.case === 'heartbeat' ? Number(frame.value.sourceAgeMs) : -1;
  };

  await follow(feed, 'statuses', consumer, () => beatAge() >= 0);
  cable.cut();
  await follow(feed, 'statuses', consumer, () => beatAge() > 300);
  expect(feed.sourceAgeMs()).toBeGreaterThan(300);
  expect(feed.notReady()).toBeNull();
  expect(feed.lookup('park-1', 'driver-1-1')).toMatchObject({ person: expect.stringMatching(/^person-/) });
  expect((await feed.list('statuses', PAGE, NOBODY)).length).toBeGreaterThan(10 * 50);
  const newcomer = new Consumer();
  await follow(feed, 'statuses', newcomer, () => newcomer.cases().includes('snapshotEnd'));
  expect(newcomer.copy.size).toBe(10);

  const last = (await setSessions(database.db, people.slice(0, 4), { region: 'tver' }))!;
  cable.mend();
  await follow(feed, 'statuses', consumer, () => consumer.position >= last && beatAge() >= 0 && beatAge() < 300);
  expect(plainRecords(consumer.copy)).toEqual(await readRecords(database.db, 'statuses'));
});

test('before the first load it answers nothing, and says why', async () => {
  await using cable = await openCable(1);
  cable.cut();
  await using far = openThrough(cable, 'postgres://nobody:none@127.0.0.1:1/none');
  await using feed = openFeed({
    db: far.db,
    instance: 'test',
    lifetime: openLifetime(),
    clock: systemClock,
    log: openLog('silent'),
    metrics: openMetrics(systemClock),
  });
  expect(feed.notReady()).toMatch(/not loaded/);
  expect([feed.head(), feed.sourceAgeMs()]).toEqual([0, Number.POSITIVE_INFINITY]);
  const degraded = new FeedRefusal('SERVICE_DEGRADED');
  expect(() => feed.lookup('p', 'd')).toThrow(degraded);
  await expect(feed.list('ids', PAGE, NOBODY)).rejects.toThrow(degraded);
  await expect(feed.watch('ids', WHOLE, NOBODY).next()).rejects.toThrow(degraded);
});

test('readers that do not read cost nothing, and are exact when they go on', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 5_000);
  await setSessions(db, people);
  await using feed = await openTestFeed(db, { maxSnapshots: 300 });

  const slow = Array.from({ length: 300 }, () => feed.watch('statuses', WHOLE, NOBODY));
  const consumer = new Consumer();
  const take = async () => consumer.take(messageOf((await slow[0]!.next()).value as Frame));
  for (const reader of slow.slice(1)) await reader.next(); // hello, and then never again
  for (let i = 0; i < 4; i++) await take(); // well into its snapshot
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 40; i++)
    await setSessions(db, people.slice(i * 100, i * 100 + 1_000), { region: `region-${i % 3}` });
  const head = (await setSessions(db, people.slice(0, 1)))!;
  await vi.waitFor(() => expect(feed.head()).toBe(head), PATIENCE);
  // 40,000 changed records of 120 bytes, 300 readers behind: a queue each would be 1.4 GB.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 * 1024 * 1024);

  while (consumer.position < head || consumer.inSnapshot) await take();
  expect(plainRecords(consumer.copy)).toEqual(await readRecords(db, 'statuses'));
  await Promise.all(slow.map((reader) => reader.return()));
  expect(await feed.metrics.registry.getSingleMetricAsString('deptrans_feed_watchers')).toContain('"statuses"} 0');
});

test('when it stops, watchers are sent away with their cursor, and pollers still answered', async () => {
  await using database = await openTestDatabase();
  const people = await addPeople(database.db, 3);
  await setSessions(database.db, people);
  await using feed = await openTestFeed(database.db);
  const consumer = new Consumer();
  const leaving = (async () => {
    for await (const frame of feed.watch('statuses', WHOLE, NOBODY)) consumer.take(messageOf(frame));
  })();
  await vi.waitFor(() => expect(consumer.cases()).toContain('heartbeat'), PATIENCE);
  feed.lifetime.stop(10_000);
  await expect(leaving).rejects.toThrow(new FeedRefusal('SHUTTING_DOWN'));
  expect(consumer.cases().at(-1)).toBe('goAway');
  await expect(feed.watch('ids', WHOLE, NOBODY).next()).rejects.toThrow(new FeedRefusal('SHUTTING_DOWN'));
  await feed.list('statuses', { ...PAGE, cursor: consumer.cursor, waitMs: 30_000 }, NOBODY);

  await using another = await openTestFeed(database.db);
  await follow(another, 'statuses', consumer, () => true);
  expect(consumer.frames[0]!.frame).toMatchObject({ case: 'hello', value: { mode: 1, headSeq: 6n } });
});

test('a watcher that leaves ends at once with its reason', async () => {
  await using database = await openTestDatabase();
  await using feed = await openTestFeed(database.db, { heartbeatIntervalMs: 60_000 });
  const caller = new AbortController();
  const frames = feed.watch('ids', WHOLE, caller.signal);
  for (let i = 0; i < 3; i++) await frames.next();
  const waiting = frames.next();
  caller.abort(new Error('left'));
  await expect(waiting).rejects.toThrow('left');
});
