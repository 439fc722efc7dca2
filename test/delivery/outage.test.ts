import { expect, test } from 'vitest';
import { INSIDE, openDeliveryWorld } from '../support/delivery-world.ts';

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
