import { expect } from 'vitest';
import { INSIDE, OUTSIDE } from '../support/delivery-world.ts';
import { inTown, type Town } from './town.ts';

async function withoutTrackstory(town: Town) {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  town.places.state.away = true;
  await town.on('p/1 online');
}

inTown('T8: while trackstory is down an event stays queued, with its reason, and is counted', async (town) => {
  await withoutTrackstory(town);
  await town.pass(120_000);
  expect(town.told('7')).toEqual([]);
  expect(await town.queue()).toHaveLength(1);
  expect(await town.ends()).toEqual({ 'pending no_position': 1 });
});

inTown('T8: it goes on by itself when trackstory is back', async (town) => {
  await withoutTrackstory(town);
  town.places.state.away = false;
  await town.pass(30_000);
  expect(town.told('7')).toEqual([true]);
  expect(await town.ends()).toEqual({ sent: 1 });
});

inTown('T8: a place that nobody knows waits as well, and one outside then ends the wait', async (town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  town.places.put('p/1', null);
  await town.on('p/1 online');
  expect(await town.ends()).toEqual({ 'pending no_position': 1 });
  town.places.put('p/1', OUTSIDE);
  await town.pass(30_000);
  expect(await town.ends()).toEqual({ 'filtered outside': 1 });
  town.places.put('p/1', INSIDE);
  await town.pass(30_000);
  expect(town.told('7')).toEqual([true]);
});

inTown('T8: going off line needs no place', async (town) => {
  await withoutTrackstory(town);
  await town.on('p/1 offline');
  expect(town.told('7')).toEqual([]);
  expect(await town.ends()).toEqual({ merged: 1, no_change: 1 });
});
