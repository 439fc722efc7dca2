import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DriverFixture, driverCacheFrom, type Region } from '../../consumer/driver-cache.ts';
import { type DriverFacts, judge } from '../../src/domain/verdict.ts';

const NOW = 1_790_000_000_500;
const REGIONS: Region[] = [
  { id: 'moscow', on: true, tariffs: ['econom', 'business'] },
  { id: 'tver', on: true, tariffs: ['econom'] },
  { id: 'omsk', on: false, tariffs: ['econom'] },
];
const BY_NAME = new Map(REGIONS.map((region) => [region.id, region]));
const clock = { now: () => NOW, monotonic: () => 0 };
const driver = { parkId: 'p', driverId: 'd' };

const anyRegion = fc.constantFrom('', 'moscow', 'tver', 'omsk', 'nowhere');
const anyTime = fc.oneof(
  fc.constant(null),
  fc.integer({ min: NOW - 1_500, max: NOW + 1_500 }),
  fc.constantFrom(0, 1_000, NOW, 4_100_000_000_000, -5_000),
);
const anyBinding = fc.record({
  state: fc.constantFrom('unbound', 'bound', 'recheck', 'rejected' as const),
  updatedAt: anyTime,
});
const anySession = fc.record({
  status: fc.constantFrom('issued', 'online', 'finished', 'finalized', 'canceled', 'unrecognised' as const),
  updatedAt: anyTime,
  endedAt: anyTime,
  region: anyRegion,
});
const anyFacts: fc.Arbitrary<DriverFacts | null> = fc.oneof(
  fc.constant(null),
  fc.constant({ person: false, binding: null, session: null }),
  fc.record({
    person: fc.constant(true),
    binding: fc.option(anyBinding),
    session: fc.option(anySession),
  }),
);
const anyOrder = fc.record({
  region: fc.option(anyRegion, { nil: undefined }),
  categories: fc.option(fc.subarray(['econom', 'business', 'vip']), { nil: undefined }),
});

/** The facts as records of the feeds. Microseconds below the millisecond are cut off by the rules. */
function fixtureOf({ person, binding, session }: DriverFacts): DriverFixture {
  const us = (ms: number | null | undefined) => (ms === null || ms === undefined ? null : ms * 1_000 + 999);
  const token = person ? 'person' : '';
  return {
    ...driver,
    id: { person: token, state: binding?.state ?? 'unbound', updatedAtUs: us(binding?.updatedAt) },
    session: session && {
      person: token,
      status: session.status,
      region: session.region,
      updatedAtUs: us(session.updatedAt),
      endedAtUs: us(session.endedAt),
    },
  };
}

test('whatever the facts and the order, the verdicts are those of the service', () => {
  fc.assert(
    fc.property(anyFacts, anyOrder, (facts, order) => {
      const asked = order.categories && order.categories.length > 0 ? order.categories : null;
      const listed = ({ tariffs }: { tariffs: readonly string[] }) =>
        !asked || tariffs.some((one) => asked.includes(one));
      const expected = judge(facts, { region: order.region || null, listed }, BY_NAME, true, NOW);
      const cache = driverCacheFrom(facts ? [fixtureOf(facts)] : [], { regions: REGIONS, clock });
      const said = cache.explain(driver, order);
      const { region } = said;
      expect([
        { check: 'deptrans_id', ...said.deptransId, since: said.deptransIdSince, until: null, region },
        { check: 'session', ...said.session, since: said.sessionSince, until: said.sessionUntil, region },
      ]).toEqual(expected);
      expect(said.allowed).toBe(expected.every(({ outcome }) => outcome !== 'fail'));
      const { deptransId, session, allowed, ageMs } = said;
      expect(cache.check(driver, order)).toEqual({ deptransId, session, allowed, region, ageMs });
    }),
    { numRuns: 800 },
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
      regions: REGIONS,
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
  const lenient = driverCacheFrom([online], { regions: REGIONS });
  expect(lenient.check(nobody)).toMatchObject({ allowed: true, session: { reason: 'profile_unknown' } });
  expect(outcomes(lenient.check(driver))).toEqual(['pass', 'pass']);
  const strict = driverCacheFrom([online], { regions: REGIONS, onUnknown: 'deny' });
  expect(strict.check(nobody)).toMatchObject({ allowed: false });
  expect(strict.check(driver)).toMatchObject({ allowed: true });
});

test('a check of what is no driver at all is unknown, allowed and counted', () => {
  const cache = driverCacheFrom([online], { regions: REGIONS });
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
  const cache = driverCacheFrom([online], { regions: REGIONS });
  await cache.close();
  expect(cache.check(driver)).toMatchObject({ allowed: true, session: { reason: 'data_too_old' } });
  expect(cache.state).toBe('closed');
});
