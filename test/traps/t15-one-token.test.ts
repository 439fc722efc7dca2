import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { openRegulator } from '../../simulator/regulator/regulator.ts';
import { openAdapter } from '../../soak/regulator-adapter.ts';
import { loginsAt } from '../regulator/pair.ts';
import { openTestDatabase } from '../support/database.ts';

const signal = new AbortController().signal;
const INSTANCES = 8;

/** Instances with one database, and the regulator, whose logins void the token before. */
async function openCluster(instances = INSTANCES) {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await openTestDatabase());
  const regulator = stack.use(await openRegulator({ settings: { voidOldTokens: true } }));
  for (let i = 0; i < 200; i++) regulator.registry.put(`${i}`, 'licence');
  const opened = stack.move();
  const running: ReturnType<typeof openAdapter>[] = [];
  const start = (count: number) => {
    for (let i = 0; i < count; i++)
      running.push(opened.use(openAdapter(database, regulator.url, { deadlineMs: 30_000, renewAfterMs: 3_600_000 })));
  };
  start(instances);
  return {
    regulator,
    start,
    /** Makes the token older than tokens may become. Whoever starts from now on finds it so. */
    age: () => sql`update deptrans.regulator_tokens set obtained_at = 'epoch'`.execute(database.db),
    /** Calls of all instances at once; whether all were answered. */
    async call(count: number) {
      const outcomes = await Promise.all(
        Array.from({ length: count }, (_, i) => running[i % running.length]!.session(`${i}`, signal)),
      );
      return outcomes.every(({ kind }) => kind === 'accepted');
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

test('T15: eight instances that start at once log in once', async () => {
  await using cluster = await openCluster();
  expect(await cluster.call(200)).toBe(true);
  expect(loginsAt(cluster.regulator)).toBe(1);
});

test('T15: a token that ends under 200 calls of all instances is renewed by one login', async () => {
  await using cluster = await openCluster();
  await cluster.call(INSTANCES);
  cluster.regulator.tokens.expireAll();
  expect(await cluster.call(200)).toBe(true);
  expect(loginsAt(cluster.regulator)).toBe(2);
});

test('T15: an old token is renewed early by one login, and used until then, whatever becomes of the login', async () => {
  await using cluster = await openCluster(1);
  const { regulator, age, start } = cluster;
  const callUntil = async (logins: number) => {
    while (loginsAt(regulator) < logins) expect(await cluster.call(2 * INSTANCES)).toBe(true);
  };
  await callUntil(1);
  await age();
  start(INSTANCES - 1);
  await callUntil(2);
  expect(await cluster.call(40)).toBe(true);
  expect(loginsAt(regulator)).toBe(2);

  regulator.faults.add({ kind: 'serverError', calls: ['authenticate'] });
  await age();
  start(INSTANCES);
  await callUntil(3);
  expect(await cluster.call(200)).toBe(true);
  expect(regulator.tokens.logins).toBe(2);
});
