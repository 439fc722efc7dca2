import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { type ContractorStatusEvent, ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import type { Intake } from '../../src/intake/intake.ts';
import { readBalance } from '../../src/store/balance.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { base, batchOf, openTestIntake, readTables } from './support.ts';

const never = new AbortController().signal;
let database: TestDatabase;
let intake: Intake;
beforeEach(async () => {
  database = await openTestDatabase();
  intake = openTestIntake(database.db, { pushSlot: 5 });
});
afterEach(async () => {
  expect((await readBalance(database.db)).difference).toBe(0);
  await intake[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const { ONLINE, OFFLINE, UNSPECIFIED } = ContractorStatus;
const event = (driverId: string, status: ContractorStatus, seconds: number): ContractorStatusEvent =>
  create(ContractorStatusEventSchema, {
    parkId: 'p',
    driverId,
    status,
    eventAt: timestampFromMs(base + seconds * 1000),
  });

test('a pushed batch goes the way of the topic, in the slot of its instance', async () => {
  const events = [event('a', ONLINE, 1), event('b', ONLINE, 1), event('a', OFFLINE, 2), event('b', ONLINE, 1)];
  expect(await intake.takeEvents(events, never)).toEqual({ accepted: 3, duplicate: 1, outdated: 0, rejected: [] });
  const { states, queue, offsets, balance } = await readTables(database.db);
  expect(states.map((row) => [row['profile'], row['status'], row['gen'], row['offset']])).toEqual([
    ['p/a', 'offline', 0, -1],
    ['p/b', 'online', 0, -1],
  ]);
  expect(queue.map((row) => row['status'])).toEqual(['offline', 'online']);
  expect(offsets).toEqual([{ topic: 'push', partition: 5, gen: 0, id: '', next: 0, taken: 4 }]);
  expect(balance).toEqual({ duplicate: 1, merged: 1 });
});

test('repeating a push changes nothing; older ones are outdated', async () => {
  const events = [event('a', ONLINE, 1), event('a', OFFLINE, 2)];
  await intake.takeEvents(events, never);
  expect(await intake.takeEvents(events, never)).toMatchObject({ accepted: 0, duplicate: 1, outdated: 1 });
});

test('bad events are rejected by place and reason and kept in quarantine; those around them are taken', async () => {
  const bad = create(ContractorStatusEventSchema, { parkId: 'p', driverId: 'x', status: ONLINE });
  const events = [
    event('a', ONLINE, 1),
    event('', ONLINE, 1),
    event('b', UNSPECIFIED, 1),
    bad,
    event('c', ONLINE, 7200),
    event('d', ONLINE, -8 * 86_400),
    event('e', ONLINE, 1),
  ];
  expect(await intake.takeEvents(events, never)).toEqual({
    accepted: 2,
    duplicate: 0,
    outdated: 0,
    rejected: [
      { index: 1, reason: 'BAD_KEY' },
      { index: 2, reason: 'BAD_STATUS' },
      { index: 3, reason: 'BAD_TIME' },
      { index: 4, reason: 'TIME_IN_FUTURE' },
      { index: 5, reason: 'TIME_TOO_OLD' },
    ],
  });
  const { quarantine } = await readTables(database.db);
  expect(quarantine.map((row) => [row['topic'], row['partition'], row['offset'], row['reason']])).toEqual(
    ['BAD_KEY', 'BAD_STATUS', 'BAD_TIME', 'TIME_IN_FUTURE', 'TIME_TOO_OLD'].map((r) => ['push', 5, -1, r]),
  );
});

test('topic and push share one truth: at equal times the topic wins', async () => {
  await intake.takeEvents([event('a', ONLINE, 5)], never);
  expect(await intake.takeBatch(batchOf(0, ['p/a offline 5']))).toMatchObject({ accepted: 1 });
  expect(await intake.takeEvents([event('a', ONLINE, 5)], never)).toMatchObject({ outdated: 1 });
  expect(await intake.takeEvents([event('a', ONLINE, 6)], never)).toMatchObject({ accepted: 1 });
});

test('an aborted push stores nothing', async () => {
  await expect(intake.takeEvents([event('a', ONLINE, 1)], AbortSignal.abort())).rejects.toThrow();
  expect((await readTables(database.db)).states).toEqual([]);
});
