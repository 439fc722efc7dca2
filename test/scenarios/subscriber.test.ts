import { expect, test, vi } from 'vitest';
import { compareCopy } from '../../simulator/demo/verdict.ts';
import { openSubscriber } from '../../simulator/subscriber/open-subscriber.ts';
import { openTestDatabase } from '../support/database.ts';
import { openScenario } from '../support/scenario.ts';

/** Whoever was killed is soon not waited for any more. */
const SETTINGS = { DEPTRANS_MIRROR_LEASE_MS: '2000' };
const PATIENCE = { timeout: 120_000, interval: 50 };

test('the service is killed and comes back: the subscriber says how old its copy is, and goes on from its cursor', async () => {
  await using database = await openTestDatabase();
  await using scenario = await openScenario({ people: 60, rate: 60, broker: false, databaseUrl: database.url });
  const { simulator, startService, serviceUrl } = scenario;
  const service = await startService(SETTINGS);
  await using subscriber = await openSubscriber({ serviceUrl, port: 0 });
  await simulator.city.start();
  await vi.waitFor(() => expect(subscriber.lag().statuses.records).toBeGreaterThan(20), PATIENCE);
  await vi.waitFor(() => expect(subscriber.lag().state).toBe('current'), PATIENCE);

  await service.kill();
  const gone = { state: 'detached', ids: { connected: false }, statuses: { connected: false } };
  await vi.waitFor(() => expect(subscriber.lag()).toMatchObject(gone), PATIENCE);
  const before = subscriber.lag();
  await vi.waitFor(() => expect(subscriber.lag().ids.lagMs).toBeGreaterThan(before.ids.lagMs! + 1_000), PATIENCE);
  const alone = subscriber.lag();
  expect([alone.ids.records, alone.statuses.records]).toEqual([before.ids.records, before.statuses.records]);
  const [somebody] = subscriber.cache;
  expect(subscriber.cache.check(somebody!).ageMs).toBeGreaterThanOrEqual(alone.ids.lagMs!);

  await startService(SETTINGS);
  await vi.waitFor(() => expect(subscriber.lag().state).toBe('current'), PATIENCE);
  await simulator.city.freeze();
  // What drivers did meanwhile is reported, and so told.
  await vi.waitFor(() => expect(subscriber.lag().ids.throughSeq).toBeGreaterThan(alone.ids.throughSeq), PATIENCE);
  await vi.waitFor(async () => {
    expect(await compareCopy({ databaseUrl: database.url, subscriberUrl: subscriber.url })).toMatchObject({
      differ: 0,
    });
  }, PATIENCE);
  await vi.waitFor(() => expect(subscriber.lag().ids.lagMs).toBeLessThan(alone.ids.lagMs!), PATIENCE);
  const { ids, statuses } = subscriber.lag();
  for (const feed of [ids, statuses])
    expect(feed).toMatchObject({ snapshots: 1, resets: 0, violations: 0, mismatches: 0 });
});
