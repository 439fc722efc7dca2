import { expect } from 'vitest';
import { wakeParked } from '../../src/store/operations-parked.ts';
import { putRules } from '../../src/store/rules.ts';
import { square } from '../support/delivery-world.ts';
import { inTown, type Town } from './town.ts';

const MINUTE = 60_000;

/** Ann is on line with the id 7, which the regulator refuses for good. */
async function parked(town: Town, why: 'driver_unknown' | 'driver_blocked') {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  if (why === 'driver_unknown') town.regulator.registry.forget('7');
  else town.regulator.registry.block('7', Number.POSITIVE_INFINITY);
  await town.on('p/1 online');
  expect(await town.ends()).toEqual({ [`parked ${why}`]: 1 });
}

const heal = (town: Town) => {
  town.regulator.registry.put('7', 'licence of ann');
  town.regulator.registry.block('7', 0);
};

inTown('T17: a refusal for good is not retried, whatever wakes the account', async (town) => {
  await parked(town, 'driver_blocked');
  await town.on('p/1 busy');
  await town.tariffs('p/1', ['business']);
  await town.pass(5 * MINUTE);
  expect(town.told('7')).toEqual([true]);
  expect(await town.queue()).toHaveLength(1);
});

inTown(
  'T17: it is tried again at longer and longer pauses, in case nobody tells that its cause is gone',
  async (town) => {
    await parked(town, 'driver_blocked');
    await town.pass(16 * MINUTE, 8 * MINUTE);
    expect(town.told('7')).toEqual([true, true]);
    await town.pass(16 * MINUTE, 8 * MINUTE);
    expect(town.told('7')).toEqual([true, true]);
    heal(town);
    await town.pass(16 * MINUTE, 8 * MINUTE);
    expect(town.told('7')).toEqual([true, true, true]);
    expect(await town.ends()).toEqual({ sent: 1 });
  },
);

inTown('T17: a check of the id that succeeds wakes it', async (town) => {
  await parked(town, 'driver_unknown');
  await town.bind('p/1', '7');
  await town.delivery.runOnce();
  expect(town.history('7').at(-1)).toBe('opened');
});

inTown('T17: a licence that is put right wakes it', async (town) => {
  await parked(town, 'driver_unknown');
  await town.profiles({ 'p/1': 'ann again' });
  await town.delivery.runOnce();
  expect(town.told('7')).toEqual([true]);
  await town.bind('p/1', '7');
  await town.delivery.runOnce();
  expect(town.history('7').at(-1)).toBe('opened');
});

inTown('T17: going off line ends it, and the next time on line is tried', async (town) => {
  await parked(town, 'driver_blocked');
  await town.on('p/1 offline');
  expect(await town.account('7')).toMatchObject({ parked_reason: null });
  expect(town.told('7')).toEqual([true]); // nothing was open, so nothing is closed
  heal(town);
  await town.on('p/1 online');
  expect(town.told('7')).toEqual([true, true]);
});

inTown('T17: rules that no longer hold for the driver end it, and rules that do again try it', async (town) => {
  await parked(town, 'driver_blocked');
  heal(town);
  await putRules(town.db, [{ ...square, tariffs: ['business'] }]);
  await town.pass(MINUTE);
  expect(await town.account('7')).toMatchObject({ parked_reason: null });
  await putRules(town.db, [square]);
  await town.pass(MINUTE);
  expect(town.history('7').at(-1)).toBe('opened');
});

inTown('T17: an operator wakes all that are parked for one reason, and no others', async (town) => {
  await parked(town, 'driver_blocked');
  heal(town);
  const never = new AbortController().signal;
  expect(await wakeParked(town.db, 'driver_unknown', never)).toMatchObject({ woken: 0 });
  expect(await wakeParked(town.db, 'driver_blocked', never)).toMatchObject({ woken: 1 });
  await town.delivery.runOnce();
  expect(town.told('7')).toEqual([true, true]);
});
