import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type GuessLimits, openGuesses } from '../../src/api/guesses.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { Masked } from '../../src/runtime/masked.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { inTransaction } from '../../src/store/database.ts';
import { type DriverIdWorld, GUESS_LIMITS, matches, openDriverIdWorld } from '../support/driver-id-world.ts';
import { refusalOf } from '../support/feed/refusal.ts';
import { until } from '../support/until.ts';

let world: DriverIdWorld;
beforeEach(async () => {
  world = await openDriverIdWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

/** No budget has an attempt again during a test. */
const HOUR_MS = 3_600_000;
const SLOW = { personStepMs: HOUR_MS, addressStepMs: HOUR_MS, serviceStepMs: HOUR_MS };

/** One more instance with its own metrics and log. */
async function openInstance(limits: GuessLimits) {
  const metrics = openMetrics(systemClock);
  const lines: string[] = [];
  const log = openLog('info', { write: (line) => void lines.push(line) });
  const guesses = openGuesses({
    db: world.db,
    limits,
    hashKey: 'key',
    readTimeoutMs: 60_000,
    clock: { ...systemClock, monotonic: () => 0 },
    log,
    metrics,
  });
  const edge = await world.open({ guesses, readTimeoutMs: 60_000, callTimeoutMs: 60_000 });
  const results = async () => {
    const { values } = await metrics.registry.getSingleMetric('deptrans_id_attempts_total')!.get();
    return Object.fromEntries(values.map(({ labels, value }) => [labels['result'], value]));
  };
  return { edge, lines, results, [Symbol.asyncDispose]: () => edge.close(0) };
}

/** 3,000 are 30 % of the long form, `GUESSES=10000`. */
const GUESSES = Number(process.env['GUESSES'] ?? 3_000);

test('guesses over two instances stop at the limits of person, address and service, and raise the alarm', async () => {
  const limits = { personAttempts: 5, addressAttempts: 40, serviceAttempts: 100, ...SLOW };
  await using one = await openInstance(limits);
  await using two = await openInstance(limits);
  await addCrowd(150);
  world.regulator = () => matches(false);
  const guess = (no: number, person: string, address: string) =>
    world.set(person, String(1_000_000 + no), no % 2 ? one.edge : two.edge, { address });

  const few = GUESSES / 10;
  const alone = await many(few, (no) => guess(no, 'crowd-0', `10.0.${no >> 8}.${no & 255}`));
  const together = await many(few, (no) => guess(no, `crowd-${1 + (no % 49)}`, '10.1.0.1'));
  const spread = await many(8 * few, (no) => guess(no, `crowd-${50 + (no % 100)}`, `10.2.${no >> 8}.${no & 255}`));

  expect([alone, together, spread]).toEqual([
    { ID_MISMATCH: 5, TOO_MANY_ATTEMPTS: few - 5 },
    { ID_MISMATCH: 40, TOO_MANY_ATTEMPTS: few - 40 },
    { ID_MISMATCH: 55, TOO_MANY_ATTEMPTS: 8 * few - 55 },
  ]);
  expect(world.checks).toHaveLength(100);
  const counted = [await one.results(), await two.results()];
  const sum = (result: string) => counted.reduce((n, results) => n + results[result]!, 0);
  expect(['mismatched', 'limit_person', 'limit_address', 'limit_service'].map(sum)).toEqual([
    100,
    few - 5,
    few - 40,
    8 * few - 55,
  ]);
  for (const { lines } of [one, two]) {
    const alarms = lines.filter((line) => line.includes('ids are tried too often'));
    expect(alarms).toHaveLength(1);
    expect(alarms[0]).not.toMatch(/crowd|10\.\d/);
  }
}, 600_000);

test('who is refused is told when to come back, and may then', async () => {
  await using one = await openInstance({ ...GUESS_LIMITS, personAttempts: 2, personStepMs: HOUR_MS });
  world.regulator = () => matches(false);
  for (const id of ['1', '2']) expect(await world.set('ann', id, one.edge)).toMatchObject({ reason: 'ID_MISMATCH' });
  const refused = await world.set('ann', '3', one.edge);
  expect(refused).toMatchObject({ status: 429, reason: 'TOO_MANY_ATTEMPTS', retryAfter: expect.any(Number) });
  expect(refused.retryAfter).toBeGreaterThan(3_000);
  expect(refused.retryAfter).toBeLessThanOrEqual(3_600);
  await sql`update deptrans.id_attempts set full_at = full_at - interval '1 hour'`.execute(world.db);
  expect(await world.set('ann', '3', one.edge)).toMatchObject({ reason: 'ID_MISMATCH' });
  expect(await world.set('ann', '4', one.edge)).toMatchObject({ reason: 'TOO_MANY_ATTEMPTS' });
});

test('a binding that succeeds resets nothing, and costs its person an attempt', async () => {
  await using one = await openInstance({ personAttempts: 4, addressAttempts: 3, serviceAttempts: 3, ...SLOW });
  world.regulator = (id) => matches(id === '42');
  const set = async (person: string, id: string) =>
    (await world.set(person, id, one.edge, { address: '10.0.0.1' })).reason;
  expect([await set('ann', '1'), await set('ann', '2')]).toEqual(['ID_MISMATCH', 'ID_MISMATCH']);
  expect(await set('ann', '42')).toBeUndefined();
  expect(await set('ann', '3')).toBe('ID_MISMATCH');
  expect([await set('ann', '4'), await set('bob', '5')]).toEqual(['TOO_MANY_ATTEMPTS', 'TOO_MANY_ATTEMPTS']);
  expect(await set('ann', '42')).toBeUndefined(); // bound already: no attempt
});

test('what the regulator or personal did not answer costs nothing', async () => {
  await using one = await openInstance({ personAttempts: 1, addressAttempts: 1, serviceAttempts: 1, ...SLOW });
  world.regulator = () => ({ kind: 'unavailable' });
  for (let i = 0; i < 3; i++)
    expect(await world.set('ann', '42', one.edge)).toMatchObject({ reason: 'REGULATOR_UNAVAILABLE' });
  world.licences = () => new Map();
  expect(await world.set('ann', '42', one.edge)).toMatchObject({ reason: 'NEIGHBOUR_UNAVAILABLE' });
  expect(await one.results()).toMatchObject({ unanswered: 4, limit_person: 0 });
});

test('an unknown id and one of another licence get one answer, after one time, however long the regulator took', async () => {
  let nowMs = 0;
  const slept: number[] = [];
  const sleep = (ms: number) => {
    slept.push(ms);
    return Promise.resolve();
  };
  const clock = { ...systemClock, monotonic: () => nowMs, sleep };
  await using edge = await world.open({ clock, refusalStepMs: 250 });
  const answers: object[] = [];
  for (const [tookMs, outcome] of [
    [3, { kind: 'rejected', reason: 'driver_unknown' }],
    [180, matches(false)],
    [249, { kind: 'rejected', reason: 'driver_blocked' }],
  ] as const) {
    world.regulator = () => {
      nowMs += tookMs;
      return outcome;
    };
    answers.push(await world.set('ann', '42', edge));
  }
  expect(answers[0]).toMatchObject({ status: 400, reason: 'ID_MISMATCH' });
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  expect(slept).toEqual([247, 70, 1]);
});

/** People `crowd-0`, `crowd-1`, …, each with a profile of that name, and licences for everybody. */
async function addCrowd(n: number): Promise<void> {
  await sql`with added as (
      insert into deptrans.persons (driver_license_pd_id) select 'crowd-' || i from generate_series(0, ${n - 1}::int) i
      returning person_no, driver_license_pd_id)
    insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no)
    select 'park', driver_license_pd_id, driver_license_pd_id, person_no from added`.execute(world.db);
  const licences = new Map(Array.from({ length: n }, (_, i) => [`crowd-${i}`, new Masked<'LicenceNumber'>(`l${i}`)]));
  world.licences = () => licences;
}

/** Makes `n` calls, 16 at once, and counts the reasons. */
async function many(n: number, call: (no: number) => Promise<{ reason?: string }>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  let next = 0;
  const work = async () => {
    while (next < n) {
      const { reason = 'bound' } = await call(next++);
      counts[reason] = (counts[reason] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 16 }, work));
  return counts;
}

test('an attempt that came after its caller had stopped waiting is given back', async () => {
  const open = (readTimeoutMs: number) =>
    openGuesses({
      db: world.db,
      limits: { ...GUESS_LIMITS, personAttempts: 1, ...SLOW },
      hashKey: 'key',
      readTimeoutMs,
      clock: systemClock,
      log: openLog('silent'),
      metrics: openMetrics(systemClock),
    });
  const { signal } = new AbortController();
  await inTransaction(world.db, async (tx) => {
    await sql`lock table deptrans.id_attempts in access exclusive mode`.execute(tx);
    expect(await refusalOf(open(50).take('ann', null, signal))).toBe('Unavailable SERVICE_DEGRADED');
  });
  const taken = () => sql`select from deptrans.id_attempts where scope = 'person'`.execute(world.db);
  await until(async () => (await taken()).rows.length === 1, 'the attempt was taken after all');
  const patient = open(60_000);
  await vi.waitFor(() => patient.take('ann', null, signal), { timeout: 60_000, interval: 50 });
  expect(await refusalOf(patient.take('ann', null, signal))).toBe('ResourceExhausted TOO_MANY_ATTEMPTS');
});
