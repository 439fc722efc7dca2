import { expect, test } from 'vitest';
import { INSIDE, openDeliveryWorld } from '../support/delivery-world.ts';
import { until } from '../support/until.ts';

const PEOPLE = 60;

/** So many people on line at a regulator that allows twenty calls a second. */
async function openCrowd(settings: { batch: boolean }) {
  const world = await openDeliveryWorld({ settings, maxBatch: 20, limits: { maxRate: 20 } });
  for (let i = 1; i <= PEOPLE; i++) {
    await world.person(`person${i}`, `p/${i}`);
    await world.bind(`person${i}`, `${i}`);
    world.place(`p/${i}`, INSIDE);
    await world.event(`p/${i}`, 'online');
  }
  const calls = (kind: string) => world.regulator.calls.all().filter((call) => call.kind === kind);
  return { world, calls };
}

test('when many wait, reports share calls; an item left out is in doubt, a refused one parked, the others are accepted', async () => {
  const { world, calls } = await openCrowd({ batch: true });
  await using _ = world;
  world.regulator.faults.add({ kind: 'batchItemMissing', drivers: ['7'] });
  world.regulator.faults.add({ kind: 'blocked', drivers: ['8'] });
  world.delivery.start();
  await until(async () => (await world.queue()).length === 2, 'all but two have ended');
  const batched = calls('batch');
  expect(batched.length).toBeGreaterThan(PEOPLE / 2);
  expect(batched.length + calls('status').length).toBe(PEOPLE);
  expect(world.regulator.calls.overlapping).toBe(0);
  expect(await world.account('7')).toMatchObject({ doubt: true, wait_reason: 'unknown_outcome' });
  expect(await world.account('8')).toMatchObject({ believed: false, parked_reason: 'driver_blocked' });
  expect(world.isOpen('9')).toBe(true);
});

test('a regulator without batches is not asked again, and everybody is reported one by one', async () => {
  const { world, calls } = await openCrowd({ batch: false });
  await using _ = world;
  world.delivery.start();
  await until(async () => (await world.queue()).length === 0, 'all have ended');
  expect(calls('status')).toHaveLength(PEOPLE);
  expect(calls('batch').length).toBeLessThanOrEqual(PEOPLE); // nobody twice: those that went together with the first
  for (let i = 1; i <= PEOPLE; i++) expect(world.history(`${i}`)).toEqual(['opened']);
});
