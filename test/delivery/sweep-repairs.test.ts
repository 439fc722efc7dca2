import { sql } from 'kysely';
import { expect, test } from 'vitest';
import type { Trackstory } from '../../src/clients/trackstory.ts';
import { inTransaction } from '../../src/store/database.ts';
import { wake } from '../../src/store/wake.ts';
import { INSIDE, openDeliveryWorld } from '../support/delivery-world.ts';

const LONG_AGO_MS = 180_000;

/** Ann is open and has lost her tariff without a wake; Bob waits outside, so that a sweep asks where he is. `asked` happens while it asks. */
async function openLostTariff(asked: (id: string) => Promise<unknown>) {
  let sweeping = false;
  const trackstory: Trackstory = {
    async positions(drivers) {
      if (sweeping) await asked('7');
      const recordedAt = new Date(Date.now() + LONG_AGO_MS);
      return drivers.map((driver) => ({
        ...driver,
        recordedAt,
        point: driver.driverId === '1' ? INSIDE : { lon: 50, lat: 50 },
      }));
    },
  };
  const world = await openDeliveryWorld({ trackstory, losesWakes: true });
  await world.advance(LONG_AGO_MS);
  for (const [person, profile, id] of [
    ['ann', 'p/1', '7'],
    ['bob', 'p/2', '8'],
  ] as const) {
    await world.person(person, profile);
    await world.bind(person, id);
    await world.event(profile, 'online');
  }
  await world.delivery.runOnce();
  await world.delivery.sweepOnce(); // knows the rules from here on
  await world.advance(LONG_AGO_MS);
  await world.delivery.sweepOnce();
  await sql`update deptrans.driver_persons set categories = '{cargo}' where driver_id = '1'`.execute(world.db);
  sweeping = true;
  return world;
}

type World = Awaited<ReturnType<typeof openLostTariff>>;

async function repairedIn({ metrics }: World) {
  const { values } = await metrics.registry.getSingleMetric('deptrans_sweep_repaired_total')!.get();
  return values.map(({ labels, value }) => [labels['cause'], value]);
}

test('a wake that was lost is made up for by the sweep, and counted', async () => {
  await using world = await openLostTariff(() => Promise.resolve());
  expect(await world.delivery.sweepOnce()).toBe(1);
  expect(await repairedIn(world)).toEqual([['tariff', 1]]);
  await world.delivery.runOnce();
  expect(world.history('7')).toEqual(['opened', 'closed']);
});

test.each<[string, (world: World, id: string) => Promise<unknown>]>([
  ['wakes', ({ db }, id) => inTransaction(db, (tx) => wake(tx, [id]))],
  [
    'wakes and settles',
    async ({ db, delivery }, id) => {
      await inTransaction(db, (tx) => wake(tx, [id]));
      await delivery.runOnce();
    },
  ],
])('a change that %s while the sweep looks is no lost wake', async (_, change) => {
  const opened: { world?: World } = {};
  await using world = await openLostTariff((id) => change(opened.world!, id));
  opened.world = world;
  await world.delivery.sweepOnce();
  expect(await repairedIn(world)).toEqual([]);
  await world.delivery.runOnce();
  expect(world.history('7')).toEqual(['opened', 'closed']);
});
