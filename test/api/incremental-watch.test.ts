import { createConnectTransport } from '@connectrpc/connect-node';
import { sql } from 'kysely';
import { expect, test, vi } from 'vitest';
import { Hello_Mode, Reset_Reason } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { encodeCursor, filterHash } from '../../src/domain/cursor.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openTestDatabase } from '../support/database.ts';
import { clientsOf, type FeedApi, openFeedApi } from '../support/feed/api.ts';
import { Consumer } from '../support/feed/consumer.ts';
import { PATIENCE } from '../support/feed/open-test-feed.ts';
import { plainRecords } from '../support/feed/plain-records.ts';
import { refusalOf } from '../support/feed/refusal.ts';
import { addPeople, moveProfiles, readRecords, setBindings, setSessions } from '../support/feed/world.ts';

type Watching = { done: () => boolean; regions?: string[]; kind?: 'ids' | 'statuses' };

/** Watches over the wire from the consumer's cursor on until `done`, and leaves. */
async function watch(api: Pick<FeedApi, 'updates'>, consumer: Consumer, watching: Watching): Promise<void> {
  const { done, regions = [], kind = 'statuses' } = watching;
  const { cursor } = consumer;
  consumer.reconnect();
  const frames = kind === 'ids' ? api.updates.watchIds({ cursor }) : api.updates.watchStatuses({ cursor, regions });
  for await (const frame of frames) {
    consumer.take(frame);
    if (done()) return;
  }
}

/** Done at the first heartbeat at or beyond a commit. */
const beatAt = (consumer: Consumer, seq: number) => () =>
  consumer.cases().at(-1) === 'heartbeat' && consumer.position >= BigInt(seq);

test('a snapshot, what changes then, and a resume that misses nothing', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 700, 2);
  const loaded = (await setSessions(db, people.slice(0, 600)))!;
  await using api = await openFeedApi(db);
  const consumer = new Consumer();

  await watch(api, consumer, { done: beatAt(consumer, loaded) });
  expect(consumer.first(3)).toMatchObject([
    {
      case: 'hello',
      value: {
        epoch: expect.stringMatching(/^[0-9a-f]{32}$/),
        headSeq: BigInt(loaded),
        mode: Hello_Mode.SNAPSHOT,
        heartbeatIntervalMs: 40,
        serverInstance: 'test-1',
      },
    },
    { case: 'snapshotBegin', value: { asOfSeq: BigInt(loaded), rowCount: 1_200n } },
    { case: 'changes', value: { prevSeq: 0n, compacted: true } },
  ]);
  expect(consumer.cases()).toContain('snapshotEnd');
  expect(plainRecords(consumer.copy)).toEqual(await readRecords(db, 'statuses'));

  await setSessions(db, people.slice(0, 10), { deleted: true });
  await moveProfiles(db, people[20]!, people[699]!);
  await moveProfiles(db, people[21]!, people[22]!);
  await moveProfiles(db, people[23]!, null, true);
  await setSessions(db, [people[30]!], {
    status: 'unrecognised',
    raw: 'ПАУЗА',
    endsInMs: null,
    region: null,
    isEstimate: false,
  });
  const newest = (await setSessions(db, people.slice(100, 160), { status: 'finished', endsInMs: -5_000 }))!;
  await watch(api, consumer, { done: beatAt(consumer, newest) });
  expect(consumer.first(3)[0]).toMatchObject({
    case: 'hello',
    value: { mode: expect.toSatisfy((m) => m !== Hello_Mode.SNAPSHOT) },
  });
  expect(consumer.cases()).not.toContain('reset');
  expect(consumer.copy.size).toBe(1_200 - 20 - 2 - 2);
  expect(plainRecords(consumer.copy)).toEqual(await readRecords(db, 'statuses'));
});

test('ids: bound, unbound, moved, gone', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 50, 3);
  await using api = await openFeedApi(db);
  const consumer = new Consumer();
  await watch(api, consumer, { kind: 'ids', done: () => consumer.cases().includes('snapshotEnd') });
  expect(consumer.copy.size).toBe(150);

  await setBindings(db, people.slice(0, 40));
  await setBindings(db, people.slice(0, 5), 'unbound');
  await moveProfiles(db, people[1]!, people[30]!);
  await moveProfiles(db, people[2]!, null);
  const newest = (await moveProfiles(db, people[3]!, null, true))!;
  await watch(api, consumer, { kind: 'ids', done: beatAt(consumer, newest) });
  expect(consumer.copy.size).toBe(147);
  expect(plainRecords(consumer.copy)).toEqual(await readRecords(db, 'ids'));
});

test('a cursor of another history, of collected tombstones, of another filter: reset, then the whole state', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 20);
  await setSessions(db, people);
  await using api = await openFeedApi(db);
  const consumer = new Consumer();
  const whole = () => consumer.cases().includes('snapshotEnd');
  const resetsWith = async (reason: Reset_Reason, watching: Partial<Watching> = {}) => {
    await watch(api, consumer, { done: whole, ...watching });
    expect(consumer.first(3)).toMatchObject([
      { case: 'hello', value: { mode: Hello_Mode.SNAPSHOT } },
      { case: 'reset', value: { reason } },
      { case: 'snapshotBegin' },
    ]);
  };
  await watch(api, consumer, { done: whole });
  expect(consumer.cases().slice(0, 2)).toEqual(['hello', 'snapshotBegin']);

  await resetsWith(Reset_Reason.FILTER_CHANGED, { regions: ['tver'] });
  expect(consumer.copy.size).toBe(0);
  await resetsWith(Reset_Reason.FILTER_CHANGED, { kind: 'ids' });
  expect(consumer.copy.size).toBe(20);

  consumer.cursor = encodeCursor({ epoch: 'f'.repeat(16), seq: 3, filter: filterHash('statuses', []) });
  await resetsWith(Reset_Reason.EPOCH);

  await sql`update deptrans.feed_state set floor_seq = 100`.execute(db);
  await setSessions(db, people);
  await vi.waitFor(() => expect(api.feed.head()).toBe(60), PATIENCE);
  await resetsWith(Reset_Reason.CURSOR_TOO_OLD);
  expect(plainRecords(consumer.copy)).toEqual(await readRecords(db, 'statuses'));
});

test('a watcher is told when the history is replaced under it', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 5);
  await setSessions(db, people);
  await using api = await openFeedApi(db);
  const consumer = new Consumer();
  let replaced: Promise<unknown> | undefined;
  const done = () => {
    if (consumer.cases().includes('heartbeat'))
      replaced ??= sql`update deptrans.feed_state set epoch_no = 2`.execute(db);
    return consumer.cases().includes('reset') && consumer.cases().at(-1) === 'heartbeat';
  };
  await watch(api, consumer, { done });
  await replaced;
  const at = consumer.cases().indexOf('reset');
  expect(consumer.frames[at]!.frame).toMatchObject({ value: { reason: Reset_Reason.EPOCH } });
  expect(consumer.cases().slice(at, at + 2)).toEqual(['reset', 'snapshotBegin']);
  expect(plainRecords(consumer.copy)).toEqual(await readRecords(db, 'statuses'));
});

test('a filter shows its regions, and takes back what leaves them', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 600);
  await setSessions(db, people.slice(0, 500), { region: 'moscow' });
  const loaded = (await setSessions(db, people.slice(500), { region: 'omsk' }))!;
  await using api = await openFeedApi(db);
  const consumer = new Consumer();
  const regions = ['tver', 'moscow', 'tver'];
  await watch(api, consumer, { regions, done: beatAt(consumer, loaded) });
  expect(consumer.copy.size).toBe(500);
  expect(consumer.frames.every(({ frame }) => frame.case !== 'heartbeat' || !frame.value.digest)).toBe(true);
  expect(consumer.frames.every(({ frame }) => frame.case !== 'snapshotEnd' || !frame.value.digest)).toBe(true);

  await setSessions(db, people.slice(0, 50), { region: 'omsk' });
  await setSessions(db, people.slice(50, 60), { region: null });
  const newest = (await setSessions(db, people.slice(590), { region: 'tver' }))!;
  await watch(api, consumer, { regions: ['moscow', 'tver'], done: beatAt(consumer, newest) });
  expect(consumer.cases()).not.toContain('reset');
  expect(consumer.copy.size).toBe(450);
  expect(plainRecords(consumer.copy)).toEqual(await readRecords(db, 'statuses', ['moscow', 'tver']));
});

test('a cursor that is ahead is waited for, and refused if nothing comes', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 3);
  let nowMs = 0;
  await using api = await openFeedApi(db, { clock: { ...systemClock, monotonic: () => nowMs } });
  const { rows } = await sql<{ epoch: string }>`select deptrans.feed_epoch() as epoch`.execute(db);
  const epoch = rows[0]!.epoch.slice(0, 16);
  const ahead = (seq: number) => encodeCursor({ epoch, seq, filter: filterHash('statuses', []) });
  const cursor = ahead(6);
  const first = api.updates.watchStatuses({ cursor })[Symbol.asyncIterator]();
  const hello = first.next();
  await setSessions(db, people);
  expect((await hello).value).toMatchObject({
    frame: { case: 'hello', value: { headSeq: 6n, mode: Hello_Mode.RESUME } },
  });
  await first.return?.();

  const far = ahead(1_000);
  const passing = setInterval(() => {
    nowMs += 50;
  }, 5);
  for (const call of [
    () => api.updates.watchStatuses({ cursor: far })[Symbol.asyncIterator]().next(),
    () => api.updates.listStatusUpdates({ cursor: far }),
  ]) {
    const began = nowMs;
    expect(await refusalOf(call())).toBe('Unavailable CURSOR_AHEAD');
    expect(nowMs - began).toBeGreaterThanOrEqual(3_000);
  }
  clearInterval(passing);
});

test.each([
  ['garbage', { cursor: new Uint8Array([1, 2, 3]) }, 'InvalidArgument CURSOR_MALFORMED'],
  ['text', { cursor: Buffer.from('last-week') }, 'InvalidArgument CURSOR_MALFORMED'],
  ['a megabyte', { cursor: new Uint8Array(1_000_000) }, 'InvalidArgument CURSOR_MALFORMED'],
  ['an unknown region', { regions: ['moscow', 'atlantis'] }, 'InvalidArgument FILTER_UNKNOWN'],
  ['an empty region', { regions: [''] }, 'InvalidArgument FILTER_UNKNOWN'],
])('%s is refused', async (_name, request, refusal) => {
  await using database = await openTestDatabase();
  await using api = await openFeedApi(database.db);
  expect(await refusalOf(api.updates.watchStatuses(request)[Symbol.asyncIterator]().next())).toBe(refusal);
  expect(await refusalOf(api.updates.listStatusUpdates(request))).toBe(refusal);
});

test('a server that stops says go_away, and ends the stream as unavailable', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await setSessions(db, await addPeople(db, 3));
  await using api = await openFeedApi(db);
  const consumer = new Consumer();
  const ended = refusalOf(watch(api, consumer, { done: () => false }));
  await vi.waitFor(() => expect(consumer.cases()).toContain('heartbeat'), PATIENCE);
  api.feed.lifetime.stop(10_000);
  expect(await ended).toBe('Unavailable SHUTTING_DOWN');
  expect(consumer.frames.at(-1)!.frame).toMatchObject({
    case: 'goAway',
    value: { reconnectAfterMs: expect.any(Number) },
  });
});

test('JSON over HTTP/1.1 says the same', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 30);
  const newest = (await setSessions(db, people))!;
  await using api = await openFeedApi(db);
  const json = clientsOf(createConnectTransport({ baseUrl: api.url, httpVersion: '1.1', useBinaryFormat: false }));
  const consumer = new Consumer();
  await watch(json, consumer, { done: beatAt(consumer, newest) });
  expect(plainRecords(consumer.copy)).toEqual(await readRecords(db, 'statuses'));
});
