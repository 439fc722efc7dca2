import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { putRules } from '../../src/store/rules.ts';
import { INSIDE, OUTSIDE, openDeliveryWorld, square } from '../support/delivery-world.ts';

const MINUTE = 60_000;

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

test('a driver who drives in is reported by the sweep, one who left is closed after the dwell', async () => {
  await using world = await openDeliveryWorld();
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', OUTSIDE);
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  expect(world.history('7')).toEqual([]);

  world.place('p/1', INSIDE);
  expect(await world.delivery.sweepOnce()).toBe(1);
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(true);

  world.place('p/1', OUTSIDE);
  await world.delivery.sweepOnce();
  await world.advance(29 * MINUTE);
  await world.delivery.sweepOnce();
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(true);
  await world.advance(2 * MINUTE);
  await world.delivery.sweepOnce();
  await world.delivery.runOnce();
  expect(world.history('7')).toEqual(['opened', 'closed']);
  expect(await world.delivery.sweepOnce()).toBe(0);
});

test('a region that is switched off is drained by the sweep', async () => {
  await using world = await openDeliveryWorld();
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  await putRules(world.db, [{ ...square, on: false }]);
  await world.delivery.sweepOnce();
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(false);
  await putRules(world.db, [square]);
  await world.delivery.sweepOnce();
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(true);
});

test('an answer lost after it took effect is looked up after the quiet time, and no second shift opens', async () => {
  await using world = await openDeliveryWorld({ limits: { deadlineMs: 300 }, settings: { repeats: 'secondShift' } });
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  world.regulator.faults.add({ kind: 'lostAnswer', calls: ['status'], count: 1 });
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  expect(await world.account('7')).toMatchObject({ doubt: true, believed: false, wait_reason: 'unknown_outcome' });
  expect(await world.queue()).toHaveLength(1);

  await world.event('p/1', 'busy');
  await world.delivery.runOnce();
  expect(world.regulator.calls.of('7')).toHaveLength(1); // an event does not shorten the quiet time

  await world.advance(31_000);
  await world.delivery.runOnce();
  expect(await world.account('7')).toMatchObject({ doubt: false, believed: true });
  expect(world.history('7')).toEqual(['opened']);
  expect(await world.queue()).toEqual([]);
});

test('without a way to read, a doubt is ended by writing what is desired, even if it equals the belief', async () => {
  await using world = await openDeliveryWorld({ limits: { deadlineMs: 300, canReadSession: false } });
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  world.regulator.faults.add({ kind: 'lostAnswer', calls: ['status'], count: 1 });
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  await world.event('p/1', 'offline');
  await world.advance(31_000);
  await world.delivery.runOnce();
  expect(world.history('7')).toEqual(['opened', 'closed']);
  expect(await world.account('7')).toMatchObject({ doubt: false, believed: false });
});

test('a refusal for good parks the account until its time, and an offline driver is unparked', async () => {
  await using world = await openDeliveryWorld();
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  world.regulator.faults.add({ kind: 'blocked', calls: ['status'], count: 1 });
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  expect(await world.account('7')).toMatchObject({ parked_reason: 'driver_blocked', believed: false });
  expect(await world.queue()).toHaveLength(1);
  await world.delivery.sweepOnce();
  await world.delivery.runOnce();
  expect(world.regulator.calls.of('7')).toHaveLength(1);

  await world.advance(16 * MINUTE);
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(true);
  expect(await world.account('7')).toMatchObject({ parked_reason: null, park_count: 0 });
});

test('while the regulator does not answer only probes go out, and everything is accepted after it is back', async () => {
  await using world = await openDeliveryWorld({ limits: { maxInFlight: 5 } });
  for (let i = 1; i <= 20; i++) {
    await world.person(`person${i}`, `p/${i}`);
    await world.bind(`person${i}`, `${i}`);
    world.place(`p/${i}`, INSIDE);
    await world.event(`p/${i}`, 'online');
  }
  await world.regulator.availability.set('refused');
  await world.delivery.runOnce();
  expect((await world.db.selectFrom('deptrans.gate').selectAll().executeTakeFirstOrThrow()).open_since).not.toBeNull();
  expect(await world.queue()).toHaveLength(20);

  await world.regulator.availability.set('up');
  expect(await world.delivery.runOnce()).toBe(0); // the next probe is not due yet
  await world.advance(61_000);
  await world.delivery.runOnce();
  expect(await world.queue()).toEqual([]);
  for (let i = 1; i <= 20; i++) expect(world.history(`${i}`)).toEqual(['opened']);
});

test('a session that is over is noticed at its end, and a new shift opens only after a break', async () => {
  await using world = await openDeliveryWorld({ settings: { shiftMs: 60 * MINUTE } });
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  await world.advance(90 * MINUTE);
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(false);
  expect((await world.session('ann'))?.session_status).toMatch(/finished|finalized/);
  await world.event('p/1', 'busy');
  await world.delivery.runOnce();
  expect(world.history('7')).toEqual(['opened', 'over']);

  await world.event('p/1', 'offline');
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  expect(world.history('7')).toEqual(['opened', 'over', 'opened']);
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

test('a lease that ends with an intent written means doubt', async () => {
  await using world = await openDeliveryWorld();
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  await world.event('p/1', 'online');
  await sql`update deptrans.reports set lease_token = 1, target = true, due_at = deptrans.now() + interval '30 s'`.execute(
    world.db,
  );
  await world.delivery.runOnce();
  expect(world.regulator.calls.all()).toEqual([]);
  await world.advance(31_000);
  await world.delivery.runOnce();
  expect(world.regulator.calls.all().map((call) => call.kind)).toEqual(['authenticate', 'session', 'status']);
});

test('an open session is read again when its news are old, and only when nothing else is due', async () => {
  await using world = await openDeliveryWorld({ limits: { refreshMs: 15 * MINUTE } });
  for (const [person, profile, id] of [
    ['ann', 'p/1', '7'],
    ['bob', 'p/2', '8'],
  ] as const) {
    await world.person(person, profile);
    await world.bind(person, id);
    world.place(profile, INSIDE);
  }
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  const readings = (id: string) => world.regulator.calls.of(id).filter(({ kind }) => kind === 'session').length;

  await world.advance(14 * MINUTE);
  await world.delivery.runOnce();
  expect(readings('7')).toBe(0);
  await world.advance(2 * MINUTE);
  world.regulator.registry.endShift('7', Date.now() + 16 * MINUTE);
  await world.event('p/2', 'online');
  await world.delivery.runOnce();
  expect(readings('7')).toBe(1);
  expect(
    world.regulator.calls
      .all()
      .map(({ kind, driverId }) => `${kind} ${driverId}`)
      .slice(-2),
  ).toEqual(['status 8', 'session 7']);
  expect((await world.session('ann'))?.session_status).toMatch(/finished|finalized/); // ended by the regulator, published without an event
  await world.advance(16 * MINUTE);
  await world.delivery.runOnce();
  expect([readings('7'), readings('8')]).toEqual([1, 1]); // what is over is not read again
});

test('an outage is an episode with its probes, and the delay it caused is told apart', async () => {
  await using world = await openDeliveryWorld({ limits: { failuresToShut: 1 } });
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  await world.regulator.availability.set('refused');
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  for (let i = 0; i < 2; i++) {
    await world.advance(61_000);
    await world.delivery.runOnce();
  }
  await world.regulator.availability.set('up');
  await world.advance(61_000);
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(true);
  const [outage, ...more] = await world.db.selectFrom('deptrans.outages').selectAll().execute();
  expect(more).toEqual([]);
  expect(outage).toMatchObject({ regulator: 'moscow', probes: 3 });
  expect(outage!.to_at!.getTime() - outage!.from_at.getTime()).toBeGreaterThan(180_000);
  const text = await world.metrics.registry.metrics();
  expect(text).toContain('deptrans_delay_seconds_count 1');
  const theirs = Number(/deptrans_delay_outage_seconds_sum (\S+)/.exec(text)![1]);
  expect(theirs).toBeGreaterThan(180);
});
