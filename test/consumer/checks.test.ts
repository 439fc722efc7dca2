import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DriverFixture, driverCacheFrom, policyBlockingIn, type Region } from '../../consumer/driver-cache.ts';
import { compilePolicy, type Facts, judge, type RegionPolicy, timesOf } from '../../verdict/verdict.ts';

const NOW = 1_790_000_000_500;
const REGIONS: Region[] = [
  { id: 'moscow', on: true, tariffs: ['econom', 'business'] },
  { id: 'tver', on: true, tariffs: ['econom'] },
  { id: 'omsk', on: false, tariffs: ['econom'] },
];
const observed = (region: Region): RegionPolicy => ({ ...region, steppedBack: false, endsSoonMs: 0, rules: [] });
const OBSERVING = compilePolicy({
  version: 0,
  suspended: false,
  maxDataAgeMs: 60_000,
  regions: REGIONS.map(observed),
});
const BLOCKING = policyBlockingIn(REGIONS);
const clock = { now: () => NOW, monotonic: () => 0 };
const driver = { parkId: 'p', driverId: 'd' };

const anyRegion = fc.constantFrom('', 'moscow', 'tver', 'omsk', 'nowhere');
const anyTime = fc.oneof(
  fc.constant(null),
  fc.integer({ min: NOW - 1_500, max: NOW + 1_500 }),
  fc.constantFrom(0, 1_000, NOW, 4_100_000_000_000, -5_000),
);
const anyFacts: fc.Arbitrary<Facts | null> = fc.option(
  fc
    .record({
      parkId: fc.constant(driver.parkId),
      hasPerson: fc.constant(true),
      person: fc.constantFrom('person', 'person', ''),
      share: fc.constant(0),
      binding: fc.constantFrom('unbound', 'bound', 'recheck', 'rejected' as const),
      bindingUpdatedAt: anyTime,
      session: fc.constantFrom(null, 'issued', 'online', 'finished', 'finalized', 'canceled', 'unrecognised' as const),
      sessionUpdatedAt: anyTime,
      sessionEndedAt: anyTime,
      region: anyRegion,
    })
    .map((facts): Facts => {
      if (facts.person === '') return { ...facts, hasPerson: false, ...NO_BINDING, ...NO_SESSION };
      return facts.session === null ? { ...facts, ...NO_SESSION } : facts;
    }),
);
const NO_BINDING = { binding: 'unbound', bindingUpdatedAt: null } as const;
const NO_SESSION = { session: null, sessionUpdatedAt: null, sessionEndedAt: null, region: '' } as const;
const anyOrder = fc.record({
  region: fc.option(anyRegion, { nil: undefined }),
  categories: fc.option(fc.subarray(['econom', 'business', 'vip']), { nil: undefined }),
});

/** The facts as records of the feeds. Microseconds below the millisecond are cut off by the rules. */
function fixtureOf(facts: Facts): DriverFixture {
  const us = (ms: number | null) => (ms === null ? null : ms * 1_000 + 999);
  const { person, session: status, region } = facts;
  return {
    ...driver,
    id: { person, state: facts.binding, updatedAtUs: us(facts.bindingUpdatedAt) },
    session: status && {
      person,
      status,
      region,
      updatedAtUs: us(facts.sessionUpdatedAt),
      endedAtUs: us(facts.sessionEndedAt),
    },
  };
}

test('whatever the facts and the order, the verdicts are those of the service', () => {
  fc.assert(
    fc.property(anyFacts, anyOrder, (facts, order) => {
      const expected = judge(facts, order, OBSERVING, NOW, 0);
      const cache = driverCacheFrom(facts ? [fixtureOf(facts)] : [], { policy: OBSERVING.policy, clock });
      const said = cache.explain(driver, order);
      const { region } = said;
      expect(region).toBe(expected.region);
      const both = [expected.deptransId, expected.session];
      expect([
        { ...said.deptransId, since: said.deptransIdSince, until: null },
        { ...said.session, since: said.sessionSince, until: said.sessionUntil },
      ]).toEqual(both.map((verdict) => ({ ...verdict, ...timesOf(verdict, facts) })));
      expect(said.allowed).toBe(true);
      const { deptransId, session, allowed, ageMs, policyVersion } = said;
      expect(cache.check(driver, order)).toEqual({ deptransId, session, allowed, region, ageMs, policyVersion });
    }),
    { numRuns: 800, seed: 1 },
  );
});

const online: DriverFixture = { ...driver, session: { region: 'moscow' } };
const outcomes = ({ deptransId, session }: { deptransId: { outcome: string }; session: { outcome: string } }) => [
  deptransId.outcome,
  session.outcome,
];

test('suspended, everything is unknown and allowed, at once; resumed, it is as before', () => {
  const states: string[] = [];
  const cache = driverCacheFrom(
    [
      { ...driver, id: null },
      { ...online, id: { state: 'rejected' } },
    ],
    {
      policy: BLOCKING,
      onUnknown: 'deny',
      onState: (state) => states.push(state),
    },
  );
  expect(cache.check(driver, { region: 'moscow' })).toMatchObject({
    allowed: false,
    deptransId: { reason: 'id_rejected' },
  });
  cache.suspend();
  expect(cache.check(driver, { region: 'moscow' })).toMatchObject({
    allowed: true,
    session: { outcome: 'unknown', reason: 'suspended' },
  });
  cache.resume();
  expect(cache.check(driver)).toMatchObject({ allowed: false });
  expect(states).toEqual(['suspended', 'current']);
});

test('unknown is allowed unless it was asked to be refused', () => {
  const nobody = { parkId: 'p', driverId: 'nobody' };
  const lenient = driverCacheFrom([online], { policy: BLOCKING });
  expect(lenient.check(nobody)).toMatchObject({ allowed: true, session: { reason: 'profile_unknown' } });
  expect(outcomes(lenient.check(driver))).toEqual(['pass', 'pass']);
  const strict = driverCacheFrom([online], { policy: BLOCKING, onUnknown: 'deny' });
  expect(strict.check(nobody)).toMatchObject({ allowed: false });
  expect(strict.check(driver)).toMatchObject({ allowed: true });
});

test('a check of what is no driver at all is unknown, allowed and counted', () => {
  const cache = driverCacheFrom([online], { policy: BLOCKING });
  for (const nonsense of [undefined, null, {}, { parkId: 'p' }] as unknown[]) {
    expect(cache.check(nonsense as typeof driver)).toMatchObject({
      allowed: true,
      session: { reason: 'check_failed' },
    });
    expect(cache.explain(nonsense as typeof driver)).toMatchObject({ allowed: true });
  }
  expect(cache.metrics()).toMatchObject({ checks_total: 8, check_failures_total: 8 });
});

test('closed, it answers unknown', async () => {
  const cache = driverCacheFrom([online], { policy: BLOCKING });
  await cache.close();
  expect(cache.check(driver)).toMatchObject({ allowed: true, session: { reason: 'data_too_old' } });
  expect(cache.state).toBe('closed');
});
