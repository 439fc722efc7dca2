import { expect } from 'vitest';
import { INSIDE, OUTSIDE } from '../support/delivery-world.ts';
import { inTown, type Town } from './town.ts';

/** Ann comes on line at `then`, while nobody looks for two hours; she is at `now` when the backlog drains. */
async function comesAndMoves(town: Town, then: typeof INSIDE, now: typeof INSIDE) {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  town.places.put('p/1', then);
  await town.regulator.availability.set('refused');
  await town.on('p/1 online');
  await town.advance(7_200_000);
  town.places.put('p/1', now);
  await town.regulator.availability.set('up');
  await town.delivery.runOnce();
}

inTown('T4: who came on line outside and is inside when we decide is reported', async (town) => {
  await comesAndMoves(town, OUTSIDE, INSIDE);
  await town.pass(60_000);
  expect(town.told('7')).toEqual([true]);
});

inTown('T4: who came on line inside and is outside when we decide is not reported', async (town) => {
  await comesAndMoves(town, INSIDE, OUTSIDE);
  expect(town.history('7')).toEqual([]);
  expect(await town.ends()).toEqual({ 'filtered outside': 1 });
});

inTown('T4: a position that is too old decides nothing; a few minutes are not too old', async (town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  town.places.put('p/1', INSIDE, 6 * 60_000);
  await town.on('p/1 online');
  expect(town.told('7')).toEqual([]);
  expect(await town.ends()).toEqual({ 'pending no_position': 1 });
  town.places.put('p/1', INSIDE, 4 * 60_000);
  await town.pass(30_000);
  expect(town.told('7')).toEqual([true]);
});
