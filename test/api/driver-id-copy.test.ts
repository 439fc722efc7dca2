import { expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { inTransaction, openDatabase } from '../../src/store/database.ts';
import { publish } from '../../src/store/publish.ts';
import { DRIVER_ID_PATH, openDriverIdWorld } from '../support/driver-id-world.ts';
import { openTestFeed } from '../support/feed/open-test-feed.ts';
import { readBindings } from '../support/people.ts';

/** A database that refuses every connection. */
function openAway() {
  return openDatabase({
    url: 'postgres://127.0.0.1:1/none',
    maxConnections: 1,
    statementTimeoutMs: 60_000,
    connectTimeoutMs: 60_000,
    applicationName: 'away',
    log: openLog('silent'),
    timer: openMetrics(systemClock).timer('store'),
  });
}

test('with the database away a driver is told what the copy knows, in the same words, as long as it is fresh', async () => {
  await using world = await openDriverIdWorld();
  await world.set('ann', '1234567');
  const drivers = ['ann', 'bob'];
  const expected = [await world.get('ann'), await world.get('bob')];
  expect(expected).toMatchObject([{ id: { bound: true, deptrans_id: '1234567' } }, { id: { bound: false } }]);
  await inTransaction(world.db, (tx) => publish(tx, { profiles: [1, 2] }));
  await using feed = await openTestFeed(world.db);
  await expect.poll(() => feed.notReady()).toBeNull();
  await expect.poll(() => feed.lookupId('park', 'ann')?.binding?.deptransId).toBe('1234567');
  await using away = openAway();
  let ageMs = 59_000;
  const copy = { lookupId: feed.lookupId, sourceAgeMs: () => ageMs };
  await using edge = await world.open({ db: away.db, copy, maxCopyAgeMs: 60_000 });

  for (const [i, driver] of drivers.entries()) expect(await world.get(driver, edge)).toEqual(expected[i]);
  // Whom the copy does not know may have come since.
  expect(await world.get('nobody', edge)).toMatchObject({ status: 503, reason: 'SERVICE_DEGRADED', retryAfter: 2 });
  expect(await world.set('ann', '42', edge)).toMatchObject({ status: 503, reason: 'SERVICE_DEGRADED' });
  ageMs = 61_000;
  for (const driver of drivers)
    expect(await world.get(driver, edge)).toMatchObject({ status: 503, reason: 'SERVICE_DEGRADED' });
  expect((await readBindings(world.db)).bindings['ann']).toMatchObject({ deptrans_id: '1234567' });
});

test('how much of an id is shown is the app’s', async () => {
  await using world = await openDriverIdWorld();
  await using edge = await world.open({
    idDisplay: 'masked',
    idDisplayByApp: { taximeter: 'full', uberdriver: 'fact' },
  });
  await world.set('ann', '1234567', edge);
  const shownTo = async (app: string) => {
    const headers = { 'x-yataxi-park-id': 'park', 'x-yataxi-driver-profile-id': 'ann', 'x-request-application': app };
    const answer = await fetch(edge.url + DRIVER_ID_PATH, { headers });
    return ((await answer.json()) as { id: { deptrans_id: string } }).id.deptrans_id;
  };
  expect(await shownTo('Taximeter')).toBe('1234567');
  expect(await shownTo('app_name=uberdriver,app_ver1=9')).toBe('');
  for (const app of ['', 'another', 'toString']) expect(await shownTo(app)).toBe('***67');
});
