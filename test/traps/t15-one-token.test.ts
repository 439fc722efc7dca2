import { expect, test } from 'vitest';
import { openRegulator } from '../../simulator/regulator/regulator.ts';
import { openAdapter } from '../../soak/regulator-adapter.ts';
import { loginsAt } from '../regulator/pair.ts';
import { openTestDatabase } from '../support/database.ts';

const signal = new AbortController().signal;
const INSTANCES = 8;

/** Eight instances with one database, and the regulator. */
async function openCluster({ renewAfterMs = 3_600_000 } = {}) {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await openTestDatabase());
  const regulator = stack.use(await openRegulator({ settings: { voidOldTokens: true } }));
  for (let i = 0; i < 200; i++) regulator.registry.put(`${i}`, 'licence');
  const instances = Array.from({ length: INSTANCES }, () =>
    stack.use(openAdapter(database, regulator.url, { deadlineMs: 10_000, renewAfterMs })),
  );
  const opened = stack.move();
  return {
    database,
    regulator,
    /** Calls of all instances at once; whether each was answered. */
    async call(count: number) {
      const outcomes = await Promise.all(
        Array.from({ length: count }, (_, i) => instances[i % INSTANCES]!.session(`${i}`, signal)),
      );
      return outcomes.filter(({ kind }) => kind === 'accepted').length;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

test('T15: eight instances that start at once log in once', async () => {
  await using cluster = await openCluster();
  expect(await cluster.call(200)).toBe(200);
  expect(loginsAt(cluster.regulator)).toBe(1);
});

test('T15: a token that ends under 200 calls of all instances is renewed by one login', async () => {
  await using cluster = await openCluster();
  await cluster.call(INSTANCES);
  cluster.regulator.tokens.expireAll();
  expect(await cluster.call(200)).toBe(200);
  expect(loginsAt(cluster.regulator)).toBe(2);
});

test('T15: an old token is renewed early by one login, and used until then, whatever becomes of the login', async () => {
  await using cluster = await openCluster({ renewAfterMs: 1_000 });
  const { regulator } = cluster;
  const callUntil = async (logins: number) => {
    while (loginsAt(regulator) < logins) expect(await cluster.call(INSTANCES)).toBe(INSTANCES);
  };
  await callUntil(2);
  expect(await cluster.call(40)).toBe(40);
  expect(loginsAt(regulator)).toBe(2);

  regulator.faults.add({ kind: 'serverError', calls: ['authenticate'] });
  await callUntil(3);
  expect(await cluster.call(200)).toBe(200);
  expect(regulator.tokens.logins).toBe(2);
});
