import { expect } from 'vitest';
import { inTown, type Town } from './town.ts';

async function connected(town: Town) {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
}

inTown('T7: of all that a driver does, only connecting and disconnecting are sent', async (town) => {
  await connected(town);
  await town.on('p/1 online');
  for (const status of ['busy', 'online', 'busy', 'online']) await town.on(`p/1 ${status}`);
  await town.on('p/1 offline');
  await town.on('p/1 offline');
  expect(town.told('7')).toEqual([true, false]);
  expect(await town.ends()).toMatchObject({ sent: 2, no_change: 5 });
});

inTown('T7: what came and went between two looks is not sent', async (town) => {
  await connected(town);
  await town.on('p/1 online', 'p/1 offline');
  expect(town.told('7')).toEqual([]);
  await town.on('p/1 online');
  await town.on('p/1 offline', 'p/1 online');
  expect(town.told('7')).toEqual([true]);
});

inTown('T7: what counts is what was accepted, not what was sent', async (town) => {
  await connected(town);
  town.regulator.faults.add({ kind: 'throttled', retryAfter: '1', calls: ['status'], count: 1 });
  await town.on('p/1 online');
  expect(await town.ends()).toEqual({ 'pending throttled': 1 });
  await town.on('p/1 offline');
  await town.pass(30_000);
  expect(town.told('7')).toEqual([true]); // refused, so there is nothing to take back
  await town.on('p/1 online');
  expect(town.told('7')).toEqual([true, true]);
});
