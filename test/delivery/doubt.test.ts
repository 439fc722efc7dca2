import { sql } from 'kysely';
import { expect, test, vi } from 'vitest';
import { INSIDE, limits, openDeliveryWorld } from '../support/delivery-world.ts';

const MINUTE = 60_000;
const PATIENCE = { timeout: MINUTE, interval: 20 };
/** Until what was lost may be looked at again: from the deadline of the call, however early it was lost. */
const QUIET = limits.deadlineMs + limits.quietMs + 1_000;

test('an answer lost after it took effect is looked up after the quiet time, and no second shift opens', async () => {
  await using world = await openDeliveryWorld({ settings: { repeats: 'secondShift' } });
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  world.regulator.faults.add({ kind: 'reset', applies: true, calls: ['status'], count: 1 });
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  expect(await world.account('7')).toMatchObject({ doubt: true, believed: false, wait_reason: 'unknown_outcome' });
  expect(await world.queue()).toHaveLength(1);

  await world.event('p/1', 'busy');
  await world.delivery.runOnce();
  expect(world.regulator.calls.of('7')).toHaveLength(1); // an event does not shorten the quiet time

  await world.advance(QUIET);
  await world.delivery.runOnce();
  expect(await world.account('7')).toMatchObject({ doubt: false, believed: true });
  expect(world.history('7')).toEqual(['opened']);
  expect(await world.queue()).toEqual([]);
});

test('without a way to read, a doubt is ended by writing what is desired, even if it equals the belief', async () => {
  await using world = await openDeliveryWorld({ limits: { canReadSession: false } });
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  world.regulator.faults.add({ kind: 'reset', applies: true, calls: ['status'], count: 1 });
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  await world.event('p/1', 'offline');
  await world.advance(QUIET);
  await world.delivery.runOnce();
  expect(world.history('7')).toEqual(['opened', 'closed']);
  expect(await world.account('7')).toMatchObject({ doubt: false, believed: false });
});

test('where reports are ordered by their time and repeats are harmless, a doubt is written, not read, though it could be', async () => {
  await using world = await openDeliveryWorld({
    limits: { ordersByOccurredAt: true },
    settings: { ordersByOccurredAt: true, repeats: 'harmless' },
  });
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  world.regulator.faults.add({ kind: 'reset', applies: true, calls: ['status'], count: 1 });
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  await world.advance(QUIET);
  await world.delivery.runOnce();

  const [first, second, ...others] = world.regulator.calls.of('7');
  expect([first?.kind, second?.kind]).toEqual(['status', 'status']);
  expect(others).toEqual([]);
  expect(world.history('7')).toEqual(['opened', 'repeated']);
  expect(await world.account('7')).toMatchObject({ doubt: false, believed: true });
  expect(await world.session('ann')).toMatchObject({ session_status: 'online', deleted: false });
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

test('a look whose lease was over when its call ended changes nothing, is counted, and what it did is looked up again', async () => {
  await using world = await openDeliveryWorld();
  await using other = world.open('other');
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  await world.event('p/1', 'online');
  const lost = async () => {
    const metric = world.metrics.registry.getSingleMetric('deptrans_delivery_lost_leases_total');
    return (await metric?.get())?.values[0]?.value ?? 0;
  };
  const release = world.hold('report');
  const calling = world.delivery.runOnce();
  await vi.waitFor(() => expect(world.history('7')).toEqual(['opened']), PATIENCE);
  await world.advance(limits.deadlineMs + limits.slackMs + limits.quietMs + 1_000);
  await other.runOnce(); // takes the account over, and reads what became of the call
  expect(await world.account('7')).toMatchObject({ doubt: false, believed: true });
  expect(await lost()).toBe(0);
  release();
  await calling;
  expect(await lost()).toBe(1);

  await world.advance(QUIET);
  await other.runOnce();
  expect(world.regulator.calls.of('7').map(({ kind }) => kind)).toEqual(['status', 'session', 'session']);
  expect(await world.account('7')).toMatchObject({ suspect: false, doubt: false, believed: true });
  expect(world.history('7')).toEqual(['opened']);
  expect(await world.queue()).toEqual([]);
  expect(await lost()).toBe(1);
});

test('a shift that a late report opened is ours, however old the event it told of', async () => {
  await using world = await openDeliveryWorld();
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  await world.event('p/1', 'online', new Date(Date.now() - 3 * 3_600_000));
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(true);

  world.regulator.faults.add({ kind: 'reset', calls: ['status'], count: 1 });
  await world.event('p/1', 'offline', new Date(Date.now() - 2 * 3_600_000));
  await world.delivery.runOnce();
  expect((await world.account('7')).doubt).toBe(true);
  await world.advance(QUIET);
  await world.delivery.runOnce();
  expect(world.history('7')).toEqual(['opened', 'closed']);
});

test('a shift that our own lost DISCONNECTED ended is not taken for one that the regulator ended', async () => {
  await using world = await openDeliveryWorld();
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  await world.event('p/1', 'offline');
  await world.delivery.runOnce();
  // Killed before either answer was settled: neither the session nor its end was seen, and a profile that was on line all the time comes back.
  await sql`update deptrans.reports set session_id = null, doubt = true, due_at = deptrans.now()`.execute(world.db);
  await sql`update deptrans.driver_states set status = 'online'`.execute(world.db);
  await world.delivery.runOnce();
  expect(world.history('7')).toEqual(['opened', 'closed', 'opened']);
});
