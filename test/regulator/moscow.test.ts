import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { FaultRule } from '../../simulator/regulator/faults.ts';
import { DEADLINE_MS, openAdapter } from '../../soak/regulator-adapter.ts';
import { Masked } from '../../src/runtime/masked.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { openPair } from './pair.ts';

const now = new Date();
/** A call that takes effect and is not answered has arrived by then, on a busy machine too. */
const LONG_ENOUGH_MS = 3_000;
const signal = new AbortController().signal;
let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(() => database.db.deleteFrom('deptrans.regulator_tokens').execute());

test('reports, reads and checks', async () => {
  await using pair = await openPair(database);
  const { adapter } = pair;
  expect(await adapter.session('7', signal)).toEqual({ kind: 'accepted', value: null });
  expect(await adapter.report('7', 'connected', now, signal)).toMatchObject({
    kind: 'accepted',
    value: { status: expect.stringMatching(/issued|online/) },
  });
  expect(await adapter.report('7', 'connected', now, signal)).toEqual({ kind: 'already' });
  expect(await adapter.session('7', signal)).toMatchObject({ kind: 'accepted', value: { endIsEstimate: true } });
  expect(await adapter.report('7', 'disconnected', now, signal)).toMatchObject({
    kind: 'accepted',
    value: { status: 'finished' },
  });
  expect(await adapter.report('8', 'connected', now, signal)).toEqual({ kind: 'rejected', reason: 'driver_unknown' });
  const licence = (text: string) => new Masked<'LicenceNumber'>(text);
  expect(await adapter.checkId('7', licence('77AA123456'), signal)).toEqual({
    kind: 'accepted',
    value: { matches: true },
  });
  for (const [id, text] of [
    ['7', '77AA000000'],
    ['8', '77AA123456'],
  ] as const) {
    expect(await adapter.checkId(id, licence(text), signal)).toEqual({ kind: 'accepted', value: { matches: false } });
  }
});

test.each<[FaultRule, object, boolean]>([
  [{ kind: 'hang' }, { kind: 'unknown', reason: 'timeout' }, false],
  [{ kind: 'lostAnswer' }, { kind: 'unknown', reason: 'timeout' }, true],
  [{ kind: 'drip', ms: 50 }, { kind: 'unknown', reason: 'timeout' }, true],
  [{ kind: 'reset' }, { kind: 'unknown', reason: 'connection_lost' }, false],
  [{ kind: 'reset', applies: true }, { kind: 'unknown', reason: 'connection_lost' }, true],
  [{ kind: 'throttled', retryAfter: '3' }, { kind: 'throttled', retryAfterMs: 3_000 }, false],
  [{ kind: 'throttled', retryAfter: '999999999999' }, { kind: 'throttled' }, false],
  [{ kind: 'serverError' }, { kind: 'unknown', reason: 'server_error' }, false],
  [{ kind: 'serverError', applies: true }, { kind: 'unknown', reason: 'server_error' }, true],
  [{ kind: 'html' }, { kind: 'unknown', reason: 'unreadable' }, true],
  [{ kind: 'cutJson' }, { kind: 'unknown', reason: 'unreadable' }, true],
  [{ kind: 'hugeBody', bytes: 1_000_000 }, { kind: 'unknown', reason: 'too_large' }, true],
  [{ kind: 'unknownWord' }, { kind: 'accepted', value: { status: 'unrecognised' } }, true],
  [{ kind: 'errorInside' }, { kind: 'unknown', reason: 'unrecognised_error' }, false],
  [{ kind: 'blocked' }, { kind: 'rejected', reason: 'driver_blocked' }, false],
])('%o is classified, within the deadline', async (rule, expected, applied) => {
  await using patient = await openPair(database);
  const { regulator } = patient;
  await patient.adapter.session('7', signal); // logs in, for the other too: its deadline may be short
  const isLate = 'reason' in expected && expected.reason === 'timeout';
  const deadlineMs = isLate ? (applied ? LONG_ENOUGH_MS : DEADLINE_MS) : 20_000;
  await using adapter = openAdapter(database, regulator.url, { deadlineMs });
  // The way is open: what the deadline ends is the call alone.
  await until(async () => (await adapter.session('7', signal)).kind === 'accepted', 'the regulator answers');
  regulator.faults.add({ ...rule, calls: ['status'] });
  const started = performance.now();
  expect(await adapter.report('7', 'connected', now, signal)).toMatchObject(expected);
  expect(performance.now() - started).toBeLessThan(10 * deadlineMs);
  expect(regulator.registry.find('7')!.shift !== null).toBe(applied);
});

test('a regulator that is not there is unavailable, since nothing was sent', async () => {
  await using pair = await openPair(database);
  await pair.adapter.session('7', signal);
  await pair.regulator.availability.set('refused');
  expect(await pair.adapter.report('7', 'connected', now, signal)).toEqual({ kind: 'unavailable' });
});

test('a call that is cut short by our own signal is unknown', async () => {
  await using pair = await openPair(database);
  await pair.adapter.session('7', signal);
  pair.regulator.faults.add({ kind: 'hang', calls: ['status'] });
  const cut = new AbortController();
  const call = pair.adapter.report('7', 'connected', now, cut.signal);
  cut.abort();
  expect(await call).toEqual({ kind: 'unknown', reason: 'cut_off' });
});
