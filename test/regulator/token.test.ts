import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openRegulator } from '../../simulator/regulator/regulator.ts';
import type { RegulatorSettings } from '../../simulator/regulator/settings.ts';
import { type AdapterOptions, openAdapter } from '../../soak/regulator-adapter.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { loginsAt, openPair } from './pair.ts';

const signal = new AbortController().signal;
let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase({ maxConnections: 20 });
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(() => database.db.deleteFrom('deptrans.regulator_tokens').execute());

/** Eight instances of the service as far as the token goes, and 200 calls at once spread over them. */
async function openCluster(settings: Partial<RegulatorSettings> = {}, options: AdapterOptions = {}) {
  const stack = new AsyncDisposableStack();
  const regulator = stack.use(await openRegulator({ settings }));
  regulator.registry.put('7', '77AA123456');
  const instances = Array.from({ length: 8 }, () =>
    stack.use(openAdapter(database, regulator.url, { deadlineMs: 30_000, ...options })),
  );
  return {
    regulator,
    logins: () => loginsAt(regulator),
    async call(times = 200) {
      const calls = Array.from({ length: times }, (_, i) => instances[i % 8]!.session('7', signal));
      return [...new Set((await Promise.all(calls)).map(({ kind }) => kind))];
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test('G10: a cold start of eight instances makes one login', async () => {
  await using cluster = await openCluster();
  expect(await cluster.call()).toEqual(['accepted']);
  expect(cluster.logins()).toBe(1);
});

test.each([
  ['tokens that end', false],
  ['tokens that a login voids', true],
])('G10: an expiry under 200 concurrent calls makes one login, with %s', async (_, voidOldTokens) => {
  await using cluster = await openCluster({ voidOldTokens });
  await cluster.call();
  cluster.regulator.faults.add({ kind: 'latency', ms: 50 });
  const before = cluster.call();
  cluster.regulator.tokens.expireAll();
  expect(await before).toEqual(['accepted']);
  expect(await cluster.call()).toEqual(['accepted']);
  expect(cluster.logins()).toBe(2);
});

test('G10: a login outage with a valid token stops no traffic, and one login follows it', async () => {
  await using cluster = await openCluster({}, { renewAfterMs: 60_000 });
  await cluster.call();
  const outage = cluster.regulator.faults.add({ kind: 'serverError', calls: ['authenticate'] });
  await database.db
    .updateTable('deptrans.regulator_tokens')
    .set({ obtained_at: new Date(0) })
    .execute();
  await using late = openAdapter(database, cluster.regulator.url, { deadlineMs: 30_000, renewAfterMs: 60_000 });
  expect(await late.session('7', signal)).toMatchObject({ kind: 'accepted' }); // adopts the old token
  const tried = async () => {
    expect(await cluster.call(8)).toEqual(['accepted']);
    expect(await late.session('7', signal)).toMatchObject({ kind: 'accepted' });
    return cluster.logins() > 1;
  };
  await until(tried, 'a login is tried');
  expect(cluster.regulator.tokens.logins).toBe(1);
  cluster.regulator.faults.remove(outage);
  await until(async () => (await tried()) && cluster.regulator.tokens.logins > 1, 'the token is renewed');
  await cluster.call();
  expect(cluster.regulator.tokens.logins).toBe(2);
});

test('a token that is refused is renewed once, and the call goes on', async () => {
  await using pair = await openPair(database);
  await pair.adapter.session('7', signal);
  pair.regulator.faults.add({ kind: 'tokenExpired', calls: ['session'], count: 1 });
  expect(await pair.adapter.session('7', signal)).toMatchObject({ kind: 'accepted' });
  expect(pair.logins()).toBe(2);
});

test('a wrong password is not tried again and again', async () => {
  await using pair = await openPair(database, {}, { password: 'wrong' });
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => pair.adapter.session('7', signal)));
  expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['unauthorised']));
  expect(pair.logins()).toBe(1);
});

test('a throttled login is not repeated before its time, by nobody', async () => {
  await using cluster = await openCluster();
  cluster.regulator.faults.add({ kind: 'throttled', retryAfter: '60', calls: ['authenticate'] });
  for (let i = 0; i < 3; i++) expect(await cluster.call(16)).toEqual(['unauthorised']);
  expect(cluster.logins()).toBe(1);
  const { next_login_at: at } = await database.db
    .selectFrom('deptrans.regulator_tokens')
    .select('next_login_at')
    .executeTakeFirstOrThrow();
  expect(at!.getTime() - Date.now()).toBeGreaterThan(50_000);
});

test('an absurd Retry-After of a login is cut to ten minutes', async () => {
  await using pair = await openPair(database);
  pair.regulator.faults.add({ kind: 'throttled', retryAfter: '999999999999', calls: ['authenticate'] });
  expect(await pair.adapter.session('7', signal)).toEqual({ kind: 'unauthorised' });
  const { next_login_at: at } = await database.db
    .selectFrom('deptrans.regulator_tokens')
    .select('next_login_at')
    .executeTakeFirstOrThrow();
  expect(at!.getTime() - Date.now()).toBeLessThanOrEqual(600_000);
});
