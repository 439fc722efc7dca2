import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { behaviours } from '../../soak/hostile/behaviours.ts';
import { meet } from '../../soak/hostile/hostile.ts';
import { openHostileServer } from '../../soak/hostile/hostile-server.ts';
import { DEADLINE_MS, openAdapter } from '../../soak/regulator-adapter.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

/** Of the 200 calls that the long form makes of each. */
const CALLS = 10;

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(() => database.db.deleteFrom('deptrans.regulator_tokens').execute());

test.each(behaviours)(`G9, ${CALLS} of 200 calls: %s`, async (_, behaviour, expected) => {
  const signal = new AbortController().signal;
  const met = await meet(behaviour, expected, { db: database.db, calls: CALLS, atOnce: CALLS }, signal);
  expect(met).toMatchObject({ wrong: [], leaked: 0 });
  expect(met.overDeadlineMs).toBeLessThan(10 * DEADLINE_MS);
});

test('G9: a handshake that never ends is given up, and nothing was sent', async () => {
  await using server = await openHostileServer({ atOnce: true, serve: () => {} });
  {
    await using adapter = openAdapter(database, `https://127.0.0.1:${server.port}`);
    const started = performance.now();
    expect(await adapter.report('7', 'connected', new Date(), new AbortController().signal)).toEqual({
      kind: 'unauthorised',
    }); // no login, no call
    expect(performance.now() - started).toBeLessThan(10 * DEADLINE_MS);
  }
  await until(() => server.open === 0, 'every socket is closed');
});
