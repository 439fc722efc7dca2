import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { readBalance } from '../../src/store/balance.ts';
import { INSIDE, OUTSIDE, openDeliveryWorld } from '../support/delivery-world.ts';

test('a driver who connects in the region is reported, and again when he disconnects', async () => {
  await using world = await openDeliveryWorld();
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);

  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(true);
  expect(await world.session('ann')).toMatchObject({
    session_status: 'online',
    region: 'moscow',
    deleted: false,
    person_no: 1,
  });
  expect(await world.queue()).toEqual([]);

  await world.event('p/1', 'offline');
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(false);
  expect(world.history('7')).toEqual(['opened', 'closed']);
  expect((await world.session('ann'))?.session_status).toBe('finished');
  expect(await world.account('7')).toMatchObject({
    believed: false,
    lease_token: null,
    target: null,
    wait_reason: null,
  });
});

test('a change that is none for the regulator is settled without a call', async () => {
  await using world = await openDeliveryWorld();
  await world.person('ann', 'p/1');
  await world.person('ann', 'q/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  world.place('q/1', INSIDE);
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  // A park switch whose two events are stored before the claim: connected before, connected after.
  await world.event('p/1', 'offline');
  await world.event('q/1', 'online');
  await world.delivery.runOnce();
  expect(world.history('7')).toEqual(['opened']);
  const { rows } = await sql`select outcome, sum(n)::int as n from deptrans.balance group by 1 order by 1`.execute(
    world.db,
  );
  expect(rows).toEqual([
    { outcome: 'no_change', n: 2 },
    { outcome: 'sent', n: 1 },
  ]);
});

test.each<[string, string[], boolean, string]>([
  ['no id', ['econom'], false, 'no_id'],
  ['a tariff that is not listed', ['cargo'], true, 'tariff'],
  ['a place outside', ['econom'], true, 'outside'],
])('a driver with %s is not reported', async (_, categories, bound, reason) => {
  await using world = await openDeliveryWorld();
  await world.person('ann', 'p/1', categories);
  if (bound) await world.bind('ann', '7');
  world.place('p/1', OUTSIDE);
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  expect(world.regulator.calls.all().filter((call) => call.kind === 'status')).toEqual([]);
  expect(await world.db.selectFrom('deptrans.balance').select(['outcome', 'reason', 'n']).execute()).toEqual([
    { outcome: 'filtered', reason, n: 1 },
  ]);
  expect(await world.queue()).toEqual([]);
});

test('an unknown position keeps a driver waiting, with its reason, and never closes an open one', async () => {
  await using world = await openDeliveryWorld();
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  expect((await world.account('7')).wait_reason).toBe('no_position');
  expect(await world.queue()).toHaveLength(1);

  world.place('p/1', INSIDE);
  await world.advance(31_000);
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(true);

  world.trackstory.away = true;
  await world.event('p/1', 'busy');
  await world.delivery.sweepOnce();
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(true);
});

test('an event of a profile nobody knows waits with its reason, and goes on when the person is known', async () => {
  await using world = await openDeliveryWorld();
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  expect(await world.queue()).toMatchObject([{ wait_reason: 'no_person' }]);
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  await world.advance(31_000);
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(true);
  expect(await world.queue()).toEqual([]);
});

test('an event of a profile that is deleted waits for nobody', async () => {
  await using world = await openDeliveryWorld();
  await world.person('ann', 'p/1');
  await sql`update deptrans.driver_persons set driver_license_pd_id = null, person_no = null, deleted = true`.execute(
    world.db,
  );
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  expect(await world.queue()).toEqual([]);
  expect((await readBalance(world.db)).ended).toEqual([{ outcome: 'filtered', reason: 'no_person', n: 1 }]);
});

test('two instances share the work: one lease per id, no report twice', async () => {
  await using world = await openDeliveryWorld();
  await using other = world.open('two');
  for (let i = 1; i <= 150; i++) {
    await world.person(`person${i}`, `p/${i}`);
    await world.bind(`person${i}`, `${i}`);
    world.place(`p/${i}`, INSIDE);
    await world.event(`p/${i}`, 'online');
  }
  await Promise.all([world.delivery.runOnce(), other.runOnce()]);
  await world.delivery.runOnce();
  const reports = world.regulator.calls.all().filter((call) => call.kind === 'status');
  expect(reports).toHaveLength(150);
  expect(world.regulator.calls.overlapping).toBe(0);
  expect(world.regulator.calls.all().filter((call) => call.kind === 'authenticate')).toHaveLength(1);
});
