import { expect } from 'vitest';
import { putRules } from '../../src/store/rules.ts';
import { INSIDE, OUTSIDE, square } from '../support/delivery-world.ts';
import { inTown, type Town } from './town.ts';

const MINUTE = 60_000;

async function connected(town: Town) {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
}

inTown('T6: who came on line outside and drives in is reported within a minute, without an event', async (town) => {
  await connected(town);
  town.places.put('p/1', OUTSIDE);
  await town.on('p/1 online');
  await town.pass(3 * MINUTE);
  expect(town.told('7')).toEqual([]);
  town.places.put('p/1', INSIDE);
  await town.pass(MINUTE);
  expect(town.history('7')).toEqual(['opened']);
});

inTown('T6: a tariff that is switched on is reported at once', async (town) => {
  await connected(town);
  await town.tariffs('p/1', ['cargo']);
  await town.on('p/1 online');
  expect(town.told('7')).toEqual([]);
  await town.tariffs('p/1', ['cargo', 'business']);
  await town.delivery.runOnce();
  expect(town.told('7')).toEqual([true]);
});

inTown('T6: an id that is bound later is reported at once', async (town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.on('p/1 online');
  await town.pass(2 * MINUTE);
  await town.bind('p/1', '7');
  await town.delivery.runOnce();
  expect(town.told('7')).toEqual([true]);
});

inTown('T6: a person who becomes known after the event is reported without another', async (town) => {
  await town.on('p/1 online');
  await town.pass(2 * MINUTE);
  expect(await town.ends()).toEqual({ 'pending no_person': 1 });
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  await town.delivery.runOnce();
  expect(town.told('7')).toEqual([true]);
});

inTown('T6: a profile on line that joins a bound person is reported at once', async (town) => {
  await town.profiles({ 'p/1': 'ann', 'q/1': null });
  await town.bind('p/1', '7');
  await town.on('q/1 online');
  await town.profiles({ 'q/1': 'ann' });
  await town.delivery.runOnce();
  expect(town.told('7')).toEqual([true]);
});

inTown('T6: a region or a tariff that the rules switch on is reported within a minute', async (town) => {
  await connected(town);
  await putRules(town.db, [{ ...square, on: false }]);
  await town.on('p/1 online');
  await town.pass(MINUTE);
  expect(town.told('7')).toEqual([]);
  await putRules(town.db, [{ ...square, tariffs: ['business'] }]);
  await town.pass(MINUTE);
  expect(town.told('7')).toEqual([]);
  await putRules(town.db, [square]);
  await town.pass(MINUTE);
  expect(town.told('7')).toEqual([true]);
});

inTown('T6: the sweep asks for the places of those who may become eligible, and of nobody else', async (town) => {
  const drivers = Array.from({ length: 30 }, (_, i) => i + 1);
  await town.profiles(Object.fromEntries(drivers.map((i) => [`p/${i}`, `person ${i}`])));
  for (const i of drivers.slice(0, 20)) await town.bind(`p/${i}`, `${i}`);
  for (const i of [1, 2, 3]) town.places.put(`p/${i}`, OUTSIDE);
  await town.on(...drivers.slice(0, 5).map((i) => `p/${i} online`), 'p/25 online', 'p/26 online');
  town.places.asked.length = 0;
  await town.delivery.sweepOnce();
  // Three wait outside, two are open; the others are off line or not bound.
  expect(town.places.asked.toSorted()).toEqual(['p/1', 'p/2', 'p/3', 'p/4', 'p/5']);
});
