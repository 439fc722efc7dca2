import { expect } from 'vitest';
import { until } from '../support/until.ts';
import { inTown, type Town, type TownOptions } from './town.ts';

const never = new AbortController().signal;
const SHORT = { deadlineMs: 3_000 };

/** Somebody has logged in and a connection is there: what ends at the deadline is the call alone, and it has arrived long before. */
const wayIsOpen = (town: Town) =>
  until(async () => (await town.moscow.session('1', never)).kind === 'accepted', 'the way to the regulator is open');

const answerLost = async (town: Town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  await wayIsOpen(town);
  town.regulator.faults.add({ kind: 'lostAnswer', calls: ['status'], count: 1 });
  await town.on('p/1 online');
};

const readable: TownOptions = { limits: SHORT, settings: { repeats: 'secondShift' } };

inTown(
  'T19: a time-out is an unknown outcome: looked up after the quiet time, and no second shift opens',
  async (town) => {
    await answerLost(town);
    expect(await town.account('7')).toMatchObject({ doubt: true, believed: false });
    await town.on('p/1 busy');
    expect(town.regulator.calls.of('7')).toHaveLength(1);
    await town.advance(40_000);
    await town.delivery.runOnce();
    expect(town.history('7')).toEqual(['opened']);
    expect(await town.account('7')).toMatchObject({ doubt: false, believed: true });
  },
  readable,
);

inTown(
  'T19: who goes off line after a time-out is closed, though the CONNECTED was never accepted',
  async (town) => {
    await answerLost(town);
    await town.on('p/1 offline');
    await town.pass(60_000);
    expect(town.history('7')).toEqual(['opened', 'closed']);
  },
  readable,
);

inTown(
  'T19: a call that had no effect is made again',
  async (town) => {
    await town.profiles({ 'p/1': 'ann' });
    await town.bind('p/1', '7');
    await wayIsOpen(town);
    town.regulator.faults.add({ kind: 'hang', calls: ['status'], count: 1 });
    await town.on('p/1 online');
    await town.advance(40_000);
    await town.delivery.runOnce();
    expect(town.told('7')).toEqual([true, true]);
    expect(town.history('7')).toEqual(['opened']);
  },
  readable,
);

inTown(
  'T19: where nothing can be read it is sent again, and "already so" counts as accepted',
  async (town) => {
    await answerLost(town);
    await town.advance(40_000);
    await town.delivery.runOnce();
    expect(town.told('7')).toEqual([true, true]);
    expect(town.history('7')).toEqual(['opened', 'repeated']);
    expect(await town.account('7')).toMatchObject({ doubt: false, believed: true });
    expect(await town.ends()).toEqual({ sent: 1 });
  },
  { limits: { ...SHORT, canReadSession: false }, settings: { repeats: 'already' } },
);

inTown(
  'T19: where nothing can be read, off line is told even if on line was never accepted',
  async (town) => {
    await answerLost(town);
    await town.on('p/1 offline');
    await town.pass(60_000);
    expect(town.history('7')).toEqual(['opened', 'closed']);
  },
  { limits: { ...SHORT, canReadSession: false } },
);
