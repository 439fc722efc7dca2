import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect, test, vi } from 'vitest';
import { DiagnosticsService, VerdictOutcome, VerdictReason } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { Hello_Mode, IncrementalUpdatesService } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { openService } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openTestDatabase } from '../support/database.ts';
import { openCable } from '../support/feed/cable.ts';
import { Consumer } from '../support/feed/consumer.ts';
import { plainRecords } from '../support/feed/plain-records.ts';
import { refusalOf } from '../support/feed/refusal.ts';
import { addPeople, readRecords, setBindings, setSessions } from '../support/feed/world.ts';

const PATIENCE = { timeout: 60_000, interval: 20 };
const MAX_DATA_AGE_MS = 2_000;
const NOBODY = 'http://127.0.0.1:1';

/** The whole service in this process, with what answers; nobody else is there. */
async function openWhole(databaseUrl: string) {
  const config = readConfig({
    AUTH: 'open',
    DATABASE_URL: databaseUrl,
    PARTS: 'feed,api',
    PORT: '0',
    METRICS_PORT: '0',
    REGULATOR_URL: NOBODY,
    REGULATOR_LOGIN: 'service',
    REGULATOR_PASSWORD: 'secret',
    JOURNAL_KEY: 'a-key-of-sixteen-characters',
    DRIVER_PROFILES_URL: NOBODY,
    DRIVER_CATEGORIES_URL: NOBODY,
    DRIVER_TRACKSTORY_URL: NOBODY,
    PERSONAL_URL: NOBODY,
    DEPTRANS_FEED_HEARTBEAT_MS: '50',
    DEPTRANS_FEED_MAX_DATA_AGE_MS: String(MAX_DATA_AGE_MS),
  });
  const lifetime = openLifetime();
  const service = await openService(config, { lifetime, log: openLog('silent'), clock: systemClock });
  await vi.waitFor(() => expect(service.readiness()).toEqual([]), PATIENCE);
  const transport = createGrpcTransport({ baseUrl: service.url! });
  return {
    readiness: () => service.readiness(),
    updates: createClient(IncrementalUpdatesService, transport),
    diagnostics: createClient(DiagnosticsService, transport),
    async [Symbol.asyncDispose]() {
      lifetime.abort();
      await service[Symbol.asyncDispose]();
    },
  };
}

test('the database gone under the service: snapshots, resumes, pages and checks go on from memory, with their age; then UNKNOWN; then all is as before', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 1_000, 2);
  await setSessions(db, people);
  await setBindings(db, people);
  await using cable = await openCable(Number(new URL(database.url).port));
  const through = new URL(database.url);
  through.port = String(cable.port);
  await using service = await openWhole(through.href);

  /** Watches until a heartbeat says what it should. Resolves with the mode of its hello. */
  const watch = async (consumer: Consumer, done: (ageMs: number) => boolean) => {
    consumer.reconnect();
    for await (const message of service.updates.watchStatuses({ cursor: consumer.cursor })) {
      consumer.take(message);
      if (message.frame.case === 'heartbeat' && done(Number(message.frame.value.sourceAgeMs))) break;
    }
    const { frame } = consumer.frames[0]!;
    return frame.case === 'hello' ? frame.value.mode : null;
  };
  const driver = { parkId: `park-${people[0]! % 10}`, driverId: `driver-${people[0]}-1` };
  const check = async () => {
    const { verdicts, freshness } = await service.diagnostics.checkDriver({ ...driver, region: 'moscow' });
    return {
      outcomes: verdicts.map(({ outcome, reason }) => [outcome, reason]),
      ageMs: Number(freshness!.sourceAgeMs),
    };
  };
  const consumer = new Consumer();
  await watch(consumer, (ageMs) => ageMs < 1_000);
  const { outcomes: fresh } = await check();
  expect(fresh.map(([outcome]) => outcome)).toEqual([VerdictOutcome.PASS, VerdictOutcome.PASS]);

  cable.cut();
  expect(await watch(consumer, (ageMs) => ageMs > 300)).toBe(Hello_Mode.RESUME);
  const newcomer = new Consumer();
  expect(await watch(newcomer, () => newcomer.cases().includes('snapshotEnd'))).toBe(Hello_Mode.SNAPSHOT);
  expect(plainRecords(newcomer.copy)).toEqual(await readRecords(db, 'statuses'));
  expect((await service.updates.listIdUpdates({ limit: 10_000 })).ids).toHaveLength(2_000);
  expect(service.readiness()).toEqual([]);
  const during = await check();
  expect(during.ageMs).toBeGreaterThan(300);
  if (during.ageMs < MAX_DATA_AGE_MS) expect(during.outcomes).toEqual(fresh);

  await watch(consumer, (ageMs) => ageMs > MAX_DATA_AGE_MS);
  const old = await check();
  expect(old.ageMs).toBeGreaterThan(MAX_DATA_AGE_MS);
  expect(old.outcomes).toEqual([
    [VerdictOutcome.UNKNOWN, VerdictReason.DATA_TOO_OLD],
    [VerdictOutcome.UNKNOWN, VerdictReason.DATA_TOO_OLD],
  ]);
  const unknown = service.diagnostics.checkDriver({ ...driver, region: 'atlantis' });
  expect(await refusalOf(unknown)).toBe('InvalidArgument FILTER_UNKNOWN');

  const head = (await setSessions(db, people.slice(0, 5), { deleted: true }))!;
  cable.mend();
  await watch(consumer, (ageMs) => ageMs < 1_000 && consumer.position >= BigInt(head));
  expect(consumer.cases()).not.toContain('reset');
  expect(plainRecords(consumer.copy)).toEqual(await readRecords(db, 'statuses'));
  const after = await check();
  expect(after.outcomes).toContainEqual([VerdictOutcome.FAIL, VerdictReason.NO_SESSION]);
}, 90_000);
