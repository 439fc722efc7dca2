import { expect, test } from 'vitest';
import { VerdictOutcome, VerdictReason } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { Hello_Mode } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { openTestDatabase } from '../support/database.ts';
import { openCable } from '../support/feed/cable.ts';
import { Consumer } from '../support/feed/consumer.ts';
import { plainRecords } from '../support/feed/plain-records.ts';
import { refusalOf } from '../support/feed/refusal.ts';
import { addPeople, readRecords, setBindings, setSessions } from '../support/feed/world.ts';
import { openWholeService } from '../support/whole-service.ts';

const MAX_DATA_AGE_MS = 2_000;

test('the database gone under the service: snapshots, resumes, pages and checks go on from memory, with their age; then UNKNOWN; then all is as before', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 1_000, 2);
  await setSessions(db, people);
  await setBindings(db, people);
  await using cable = await openCable(Number(new URL(database.url).port));
  const through = new URL(database.url);
  through.port = String(cable.port);
  await using service = await openWholeService(through.href, { maxDataAgeMs: MAX_DATA_AGE_MS });

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
  /** An answer from facts that may still be judged by. */
  const checkFresh = async () => {
    for (let answer = await check(); ; answer = await check())
      if (answer.ageMs <= MAX_DATA_AGE_MS) return answer.outcomes;
  };
  const consumer = new Consumer();
  await watch(consumer, (ageMs) => ageMs < 1_000);
  const fresh = await checkFresh();
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
  expect(await checkFresh()).toContainEqual([VerdictOutcome.FAIL, VerdictReason.NO_SESSION]);
});
