import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openBatchSize, readBatch } from '../../src/regulator/moscow-batch.ts';
import type { Report } from '../../src/regulator/regulator.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { openPair } from './pair.ts';

const NOW = new Date('2026-01-10T12:00:00Z');
const signal = new AbortController().signal;
const report = (deptransId: string): Report => ({ deptransId, direction: 'connected', occurredAt: NOW });
const session = { id: 's1', status: 'ONLINE', startedAt: '2026-01-10T11:00:00Z', endGuess: '2026-01-10T23:00:00Z' };
let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(() => database.db.deleteFrom('deptrans.regulator_tokens').execute());

const unknown = (reason: string) => ({ kind: 'unknown', reason });

test.each<[string, unknown, object[]]>([
  [
    'in another order, one refused',
    [
      { driverId: '8', error: { code: 'DRIVER_BLOCKED' } },
      { driverId: '7', session },
    ],
    [
      { kind: 'accepted', value: { id: 's1' } },
      { kind: 'rejected', reason: 'driver_blocked' },
    ],
  ],
  [
    'with ids as numbers',
    [
      { driverId: 7, session },
      { driverId: 8, error: { code: 'ALREADY' } },
    ],
    [{ kind: 'accepted' }, { kind: 'already' }],
  ],
  ['without one of them', [{ driverId: '7', session }], [{ kind: 'accepted' }, unknown('left_out')]],
  [
    'with one of them twice',
    [
      { driverId: '7', session },
      { driverId: '8', session },
      { driverId: '8', error: { code: 'DRIVER_UNKNOWN' } },
    ],
    [{ kind: 'accepted' }, unknown('left_out')],
  ],
  [
    'with a stranger and rubbish',
    [{ driverId: '9', session }, null, 5, { driverId: {} }],
    [unknown('left_out'), unknown('left_out')],
  ],
  [
    'with a session that cannot be read, and an error nobody knows',
    [
      { driverId: '7', session: { id: 5 } },
      { driverId: '8', error: { code: 'X' } },
    ],
    [{ kind: 'accepted', value: null }, unknown('unrecognised_error')],
  ],
])('a batch answered %s', (_, results, expected) => {
  const answer = { status: 200, retryAfter: null, body: JSON.stringify({ results }) };
  const read = readBatch(answer, [report('7'), report('8')], { now: NOW });
  expect(read).toMatchObject({ kind: 'accepted', value: { outcomes: expected } });
});

test.each<[string, number, string, object]>([
  ['404', 404, '', { kind: 'accepted', value: 'no_batches' }],
  ['405', 405, '', { kind: 'accepted', value: 'no_batches' }],
  ['a refusal of the whole', 400, '{}', { kind: 'accepted', value: 'no_batches' }],
  ['a refusal inside a 200', 200, '{"error":{"code":"DRIVER_UNKNOWN"}}', { kind: 'accepted', value: 'no_batches' }],
  ['413', 413, '', { kind: 'accepted', value: 'too_large' }],
  ['an "already" for nobody', 200, '{"error":{"code":"ALREADY"}}', unknown('unrecognised_error')],
  ['a token that has ended', 200, '{"error":{"code":950}}', { kind: 'unauthorised' }],
  ['429', 429, '', { kind: 'throttled' }],
  ['503', 503, '', unknown('server_error')],
  ['HTML', 200, '<html>', unknown('unreadable')],
  ['no list', 200, '{"results":{}}', unknown('unreadable')],
])('a batch answered as a whole by %s', (_, status, body, expected) => {
  expect(readBatch({ status, retryAfter: null, body }, [report('7')], { now: NOW })).toMatchObject(expected);
});

test('a batch tells each driver its own end, and a regulator without batches is not asked again for a while', async () => {
  await using pair = await openPair(database, {}, { maxBatch: 50 });
  const { adapter, regulator } = pair;
  regulator.registry.put('8', 'licence');
  regulator.faults.add({ kind: 'batchItemMissing', drivers: ['8'], count: 1 });
  expect(await adapter.reportBatch([report('7'), report('8'), report('9')], signal)).toMatchObject([
    { kind: 'accepted', value: { status: expect.stringMatching(/issued|online/) } },
    unknown('left_out'),
    { kind: 'rejected', reason: 'driver_unknown' },
  ]);
  expect(adapter.capabilities.maxBatch).toBe(50);
  regulator.settings.batch = false;
  expect(await adapter.reportBatch([report('7'), report('8')], signal)).toBeNull();
  expect(adapter.capabilities.maxBatch).toBe(1);
});

test('a batch that is too large is halved, and what was learned is forgotten after an hour', () => {
  let now = 0;
  const size = openBatchSize(100, { now: () => now, monotonic: () => now, sleep: () => Promise.resolve() });
  size.learn('too_large', 100);
  expect(size.now).toBe(50);
  size.learn('too_large', 3);
  expect(size.now).toBe(1);
  now += 3_600_001;
  expect(size.now).toBe(100);
  size.learn('no_batches', 100);
  expect(size.now).toBe(1);
});
