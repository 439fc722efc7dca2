import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DriverCacheOptions } from '../../consumer/driver-cache.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { type FeedApi, openFeedApi } from '../support/feed/api.ts';
import { PATIENCE } from '../support/feed/open-test-feed.ts';
import { addPeople, moveProfiles, setBindings, setSessions } from '../support/feed/world.ts';
import { expectExact, openTestCache, untilMetric } from './support.ts';

const NOWHERE = ['http://127.0.0.1:9'];

let folder: string;
let path: string;
let database: TestDatabase;
let api: FeedApi;
let people: number[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'driver-cache-'));
  path = join(folder, 'dump');
  database = await openTestDatabase();
  people = await addPeople(database.db, 60, 2);
  await setSessions(database.db, people.slice(0, 40));
  await setSessions(database.db, people.slice(30, 34), { status: 'unrecognised', raw: 'НЕЧТО' });
  await setBindings(database.db, people.slice(0, 50));
  api = await openFeedApi(database.db);
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const open = (endpoints: readonly string[], options: Partial<DriverCacheOptions> = {}) =>
  openTestCache(endpoints, { dump: { path, source: 'moscow' }, ...options });

async function makeDump(): Promise<void> {
  await using cache = await open([api.url]);
  await expectExact(cache, database.db);
  await vi.waitFor(() => expect(cache.state).toBe('current'), PATIENCE);
}

test('from the dump it answers with no service at all, and says how old that is', async () => {
  await makeDump();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['dump']);
  await using cache = await open(NOWHERE);
  await cache.ready();
  expect(cache.state).toBe('detached');
  expect(cache.size).toBe(120);
  expect(cache.ageMs).toBeGreaterThan(0);
  const { parkId, driverId } = [...cache].find(({ session }) => session?.status === 'online')!;
  expect(cache.check({ parkId, driverId })).toMatchObject({
    allowed: true,
    session: { outcome: 'pass' },
    region: 'moscow',
  });
  await expectExact(cache, database.db);

  // The same, found too late.
  const later = { now: () => Date.now() + 61_000, monotonic: () => performance.now() };
  await using old = await open(NOWHERE, { clock: later });
  expect(old.state).toBe('too_old');
  expect(old.check({ parkId, driverId })).toMatchObject({ allowed: true, session: { reason: 'data_too_old' } });

  // The clock went back: nobody knows how old it is.
  const earlier = { now: () => Date.now() - 3_600_000, monotonic: () => performance.now() };
  await using odd = await open(NOWHERE, { clock: earlier });
  expect([odd.state, odd.ageMs]).toEqual(['loading', Number.POSITIVE_INFINITY]);
});

test('from the dump it goes on where it was, and learns what went meanwhile', async () => {
  await makeDump();
  await moveProfiles(database.db, people[0]!, null, true);
  await setSessions(database.db, people.slice(1, 9), { deleted: true });
  await setSessions(database.db, people.slice(50), { region: 'tver' });
  await using cache = await open([api.url]);
  await expectExact(cache, database.db);
  await untilMetric(cache, 'ids_connected', 1);
  expect(cache.metrics()).toMatchObject({
    ids_snapshots_total: 0,
    statuses_snapshots_total: 0,
    ids_mismatches_total: 0,
  });
});

test('a dump that was written while everything changed is healed by what comes again', async () => {
  await using writing = await open([api.url], { dump: { path, source: 'moscow', everyMs: 1 } });
  await writing.ready();
  for (let i = 0; i < 12; i++) {
    await setSessions(database.db, people.slice(i, i + 20), { deleted: i % 3 === 0, region: `r${i}` });
    await moveProfiles(database.db, people[i]!, people[i + 30]!);
    await writing.dump();
  }
  await untilMetric(writing, 'dumps_written_total', 5);
  await using cache = await open([api.url]);
  await expectExact(cache, database.db);
  expect(cache.metrics()).toMatchObject({
    dump_loaded_profiles: 120,
    ids_snapshots_total: 0,
    statuses_mismatches_total: 0,
  });
});

test('a dump that is cut, flipped, of another version or source, or no dump, is left alone: a snapshot instead', async () => {
  await makeDump();
  const good = await readFile(path);
  const flipped = (at: number) => {
    const bytes = Buffer.from(good);
    bytes[at]! ^= 0x10;
    return bytes;
  };
  const places = [
    0,
    8,
    12,
    16,
    20,
    24,
    300,
    5_000,
    Math.floor(good.length / 2),
    good.length - 1,
    good.length - 5,
    good.length - 9,
  ];
  const bad = [
    ...places.map(flipped),
    ...[0, 3, 16, 24, 1_000, good.length - 4, good.length - 1].map((length) => good.subarray(0, length)),
    Buffer.from('{"not": "a dump"}'.repeat(100)),
  ];
  for (const bytes of bad) {
    await writeFile(path, bytes);
    await using cache = await open(NOWHERE);
    expect([cache.size, cache.state]).toEqual([0, 'loading']);
    expect(cache.metrics()).toMatchObject({ dump_failures_total: 1 });
  }
  await writeFile(path, good);
  await using other = await open(NOWHERE, { dump: { path, source: 'tver' } });
  expect([other.size, other.state]).toEqual([0, 'loading']);
  await writeFile(path, flipped(200));
  await using cache = await open([api.url]);
  await expectExact(cache, database.db);
  expect(cache.metrics()).toMatchObject({ ids_snapshots_total: 1, statuses_snapshots_total: 1 });
});

test('a dump of another history is dropped as soon as the service says so', async () => {
  await makeDump();
  await using other = await openTestDatabase();
  await setSessions(other.db, await addPeople(other.db, 5));
  await using elsewhere = await openFeedApi(other.db);
  await using cache = await open([elsewhere.url]);
  await expectExact(cache, other.db);
  expect(cache.metrics()).toMatchObject({ ids_resets_total: 1, statuses_resets_total: 1, dump_loaded_profiles: 120 });
  await vi.waitFor(() => expect(cache.state).toBe('current'), PATIENCE);
});

test('a folder that cannot be written to costs the dump and nothing else', async () => {
  await using cache = await open([api.url], { dump: { path: join(folder, 'no', 'such', 'folder') } });
  await cache.ready();
  await vi.waitFor(() => expect(cache.state).toBe('current'), PATIENCE);
  await cache.dump();
  expect(cache.metrics()).toMatchObject({ dump_failures_total: 1, dumps_written_total: 0 });
  await expectExact(cache, database.db);
});
