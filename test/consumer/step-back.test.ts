import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Check, EnforcementMode } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { PolicySchema } from '../../gen/deptrans/v1/policy_pb.ts';
import { openEnforcement, policyToStore } from '../../src/enforcement/enforcement.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { putPolicy } from '../../src/store/policies.ts';
import { readReadings } from '../../src/store/region-readings.ts';
import { putRules } from '../../src/store/rules.ts';
import { endStepBack } from '../../src/store/step-backs.ts';
import { openTestDatabase } from '../support/database.ts';
import { square } from '../support/delivery-world.ts';
import { openFeedApi } from '../support/feed/api.ts';
import { addPeople, setBindings } from '../support/feed/world.ts';
import { until } from '../support/until.ts';
import { openTestCache } from './support.ts';

const policy = create(PolicySchema, {
  regions: [
    {
      region: 'moscow',
      rules: [{ check: Check.DEPTRANS_ID, mode: EnforcementMode.BLOCK }],
      stepBack: { lostShare: 0.25 },
    },
  ],
});

test('a loss beyond the limit ends in the memory of a consumer: it blocks nobody, and again after an operator; its own switch goes before all', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const [person] = (await addPeople(db, 1)) as [number];
  await setBindings(db, [person], 'rejected');
  await putRules(db, [square]);
  await using api = await openFeedApi(db);
  let lost = 0;
  await using enforcement = openEnforcement({
    db,
    instance: 'one',
    regulator: 'moscow',
    readings: () => [{ region: 'moscow', connected: 400, lost, unknown: 0, dataAgeMs: 0 }],
    dataAgeMs: () => api.feed.sourceAgeMs(),
    maxDataAgeMs: 3_600_000,
    lifetime: openLifetime(),
    clock: systemClock,
    log: openLog('silent'),
    metrics: openMetrics(systemClock),
  });
  enforcement.onChange(({ message }) => api.feed.setPolicy(message));
  await putPolicy(db, { base: 0, policy: policyToStore(policy), author: 'ann', reason: 'test' });
  await using cache = await openTestCache([api.url]);
  await cache.ready();
  const driver = { parkId: `park-${person % 10}`, driverId: `driver-${person}-1` };
  const check = () => cache.check(driver, { region: 'moscow' });
  await until(() => !check().allowed, 'the driver is blocked');

  lost = 101;
  await until(() => check().allowed, 'the region has stepped back');
  expect(check()).toMatchObject({ policyVersion: 1, deptransId: { outcome: 'fail', mode: 'warn', rule: 0 } });
  lost = 0;
  await until(async () => (await readReadings(db))[0]?.lost === 0, 'the loss is over');
  await endStepBack(db, 'moscow', { name: 'ann', reason: 'found it' });
  await until(() => !check().allowed, 'the driver is blocked again');

  cache.suspend();
  expect(check()).toMatchObject({ allowed: true, deptransId: { outcome: 'unknown', reason: 'suspended' } });
  cache.resume();
  expect(check().allowed).toBe(false);
});
