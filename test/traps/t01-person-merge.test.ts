import { expect } from 'vitest';
import { OUTSIDE } from '../support/delivery-world.ts';
import { inTown, type Town } from './town.ts';

const MINUTE = 60_000;

/** Ann drives for one or two parks, with the id 7. */
const ann = async (town: Town, ...profiles: string[]) => {
  await town.profiles(Object.fromEntries(profiles.map((profile) => [profile, 'ann'])));
  await town.bind(profiles[0]!, '7');
};

inTown('T1: with several profiles in a park a person is connected while one of them is', async (town) => {
  await ann(town, 'p/1', 'p/2');
  await town.on('p/1 online');
  await town.on('p/2 online');
  await town.on('p/1 offline');
  expect(town.told('7')).toEqual([true]);
  await town.on('p/2 offline');
  expect(town.told('7')).toEqual([true, false]);
});

inTown('T1: with profiles in several parks, offline in one does not end what goes on in another', async (town) => {
  await ann(town, 'p/1', 'q/1');
  await town.on('p/1 online', 'q/1 busy');
  await town.on('q/1 offline');
  await town.on('q/1 online', 'q/1 offline');
  expect(town.told('7')).toEqual([true]);
  expect(town.isOpen('7')).toBe(true);
  await town.on('p/1 offline');
  expect(town.isOpen('7')).toBe(false);
});

inTown('T1: a park switch that is stored before the look sends nothing, in whatever order it comes', async (town) => {
  await ann(town, 'p/1', 'q/1');
  await town.on('p/1 online');
  await town.events(['p/1 offline']);
  await town.on('q/1 online');
  await town.events(['p/1 online']);
  await town.on('q/1 offline');
  expect(town.told('7')).toEqual([true]);
});

inTown('T1: with one profile inside and one outside, the one inside decides', async (town) => {
  await ann(town, 'p/1', 'q/1');
  town.places.put('q/1', OUTSIDE);
  await town.on('q/1 online');
  expect(town.told('7')).toEqual([]);
  await town.on('p/1 online');
  expect(town.told('7')).toEqual([true]);
  await town.pass(35 * MINUTE, 5 * MINUTE);
  expect(town.told('7')).toEqual([true]);
  await town.on('p/1 offline');
  await town.pass(35 * MINUTE, 5 * MINUTE);
  expect(town.told('7')).toEqual([true, false]);
});

inTown('T1: with one listed tariff and one that is not, the profile with the listed one decides', async (town) => {
  await ann(town, 'p/1', 'q/1');
  await town.tariffs('q/1', ['cargo']);
  await town.on('q/1 online');
  expect(town.told('7')).toEqual([]);
  await town.on('p/1 online');
  expect(town.told('7')).toEqual([true]);
  await town.on('p/1 offline');
  expect(town.told('7')).toEqual([true, false]);
});

inTown('T1: a profile that moves to another person takes its state along', async (town) => {
  await ann(town, 'p/1');
  await town.profiles({ 'q/1': 'bob' });
  await town.bind('q/1', '8');
  await town.on('p/1 online');
  await town.profiles({ 'p/1': 'bob' });
  await town.delivery.runOnce();
  expect([town.history('7'), town.history('8')]).toEqual([['opened', 'closed'], ['opened']]);
  await town.on('p/1 offline');
  expect(town.history('8')).toEqual(['opened', 'closed']);
});

inTown(
  'T1: a licence that changes ends the shift of the old one; bound again, the new one has its own',
  async (town) => {
    await ann(town, 'p/1', 'q/1');
    await town.on('p/1 online', 'q/1 online');
    await town.profiles({ 'p/1': 'ann again', 'q/1': 'ann again' });
    await town.delivery.runOnce();
    expect(town.history('7')).toEqual(['opened', 'closed']);
    await town.bind('q/1', '7');
    await town.delivery.runOnce();
    expect(town.history('7')).toEqual(['opened', 'closed', 'opened']);
    expect(await town.session('ann')).toMatchObject({ deleted: true });
    expect(await town.session('ann again')).toMatchObject({ deleted: false, session_status: 'online' });
  },
);

inTown('T1: a deleted profile counts no more, and the others still do', async (town) => {
  await ann(town, 'p/1', 'q/1');
  await town.on('p/1 online', 'q/1 online');
  await town.deleteProfile('p/1');
  await town.delivery.runOnce();
  expect(town.told('7')).toEqual([true]);
  await town.deleteProfile('q/1');
  await town.delivery.runOnce();
  expect(town.told('7')).toEqual([true, false]);
});

inTown('T1: two people who swap ids swap what is known of them', async (town) => {
  await ann(town, 'p/1');
  await town.profiles({ 'q/1': 'bob' });
  await town.bind('q/1', '8');
  await town.on('p/1 online');
  await town.bind('p/1', '8');
  await town.bind('q/1', '7');
  await town.delivery.runOnce();
  expect([town.history('7'), town.history('8')]).toEqual([['opened', 'closed'], ['opened']]);
});

inTown('T1: two people who swap profiles in one change swap what is known of them', async (town) => {
  await ann(town, 'p/1');
  await town.profiles({ 'q/1': 'bob' });
  await town.bind('q/1', '8');
  await town.on('p/1 online');
  await town.profiles({ 'p/1': 'bob', 'q/1': 'ann' });
  await town.delivery.runOnce();
  expect([town.history('7'), town.history('8')]).toEqual([['opened', 'closed'], ['opened']]);
});

inTown('T1: a person without an id is not reported, and nothing stays in the queue', async (town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.on('p/1 online');
  await town.on('p/1 offline');
  expect(town.regulator.calls.total).toBe(0);
  expect(await town.ends()).toEqual({ 'filtered no_id': 2 });
});

inTown('T1: an id bound during a shift is reported without an event', async (town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.on('p/1 online');
  await town.bind('p/1', '7');
  await town.delivery.runOnce();
  expect(town.told('7')).toEqual([true]);
  await town.on('p/1 offline');
  expect(town.told('7')).toEqual([true, false]);
});

inTown('T1: an id that moves to another person during a shift follows its new owner', async (town) => {
  await ann(town, 'p/1');
  await town.profiles({ 'q/1': 'bob' });
  await town.on('p/1 online');
  await town.bind('q/1', '7');
  expect(await town.session('ann')).toMatchObject({ deleted: true });
  expect(await town.session('bob')).toMatchObject({ deleted: false, deptrans_id: '7' });
  await town.delivery.runOnce();
  expect(town.history('7')).toEqual(['opened', 'closed']);
  await town.bind('p/1', '9');
  await town.delivery.runOnce();
  expect(town.history('9')).toEqual(['opened']);
});
