import { expect, test } from 'vitest';
import { putRules } from '../../src/store/rules.ts';
import { INSIDE, OUTSIDE, openDeliveryWorld, square } from '../support/delivery-world.ts';

const MINUTE = 60_000;

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
