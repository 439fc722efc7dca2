import { expect, vi } from 'vitest';
import { putRules } from '../../src/store/rules.ts';
import { INSIDE, OUTSIDE, square } from '../support/delivery-world.ts';
import { inTown, type Town } from './town.ts';

const MINUTE = 60_000;
const NEAR = { lon: 38.02, lat: 55.5 }; // 1.3 km beyond the border

/** Ann, with the id 7, connected in park p; bob, with the id 8, is off line. */
async function openShift(town: Town) {
  await town.profiles({ 'p/1': 'ann', 'q/1': 'bob' });
  await town.bind('p/1', '7');
  await town.bind('q/1', '8');
  await town.on('p/1 online');
  expect(town.isOpen('7')).toBe(true);
}

/** Connected, outside, and never was inside. */
async function workOutside(town: Town, profile: string) {
  town.places.put(profile, OUTSIDE);
  await town.events([`${profile} online`]);
}

const causes: Record<string, (town: Town) => Promise<unknown>> = {
  'going off line': (town) => town.events(['p/1 offline']),
  'the loss of the last listed tariff': (town) => town.tariffs('p/1', ['cargo']),
  'the loss of all tariffs': (town) => town.tariffs('p/1', []),
  'a binding taken away': (town) => town.unbind('ann'),
  'a binding that moved to somebody else': (town) => town.bind('q/1', '7'),
  'a binding that moved to somebody who works outside': async (town) => {
    await workOutside(town, 'q/1');
    await town.bind('q/1', '7');
  },
  'another id for the same person': (town) => town.bind('p/1', '9'),
  'a deleted profile': (town) => town.deleteProfile('p/1'),
  'a profile without a licence': (town) => town.profiles({ 'p/1': null }),
  'a changed licence': (town) => town.profiles({ 'p/1': 'ann again' }),
};

for (const [cause, happen] of Object.entries(causes)) {
  inTown(`T5: ${cause} closes at once, without a sweep`, async (town) => {
    await openShift(town);
    await happen(town);
    await town.delivery.runOnce();
    expect(town.history('7')).toEqual(['opened', 'closed']);
  });
}

inTown('T5: a binding that moves to somebody who works outside while it is reported closes at once', async (town) => {
  await town.profiles({ 'p/1': 'ann', 'q/1': 'bob' });
  await town.bind('p/1', '7');
  await workOutside(town, 'q/1');
  const release = town.hold('report');
  await town.events(['p/1 online']);
  const calling = town.delivery.runOnce();
  await vi.waitFor(() => expect(town.told('7')).toEqual([true]), { timeout: 60_000, interval: 5 });
  await town.bind('q/1', '7');
  release();
  await calling;
  await town.delivery.runOnce();
  expect(town.history('7')).toEqual(['opened', 'closed']);
});

inTown('T5: a region that is switched off closes within a minute', async (town) => {
  await openShift(town);
  await putRules(town.db, [{ ...square, on: false }]);
  await town.pass(MINUTE);
  expect(town.history('7')).toEqual(['opened', 'closed']);
});

inTown('T5: a tariff that the rules list no longer closes within a minute', async (town) => {
  await openShift(town);
  await putRules(town.db, [{ ...square, tariffs: ['business'] }]);
  await town.pass(MINUTE);
  expect(town.history('7')).toEqual(['opened', 'closed']);
});

inTown(
  'T5: a report that is under way while the rules change and the sweep goes by is closed by the next',
  async (town) => {
    await openShift(town);
    const release = town.hold('report');
    await town.events(['q/1 online']);
    const calling = town.delivery.runOnce();
    await vi.waitFor(() => expect(town.told('8')).toEqual([true]), { timeout: 60_000, interval: 5 });
    await putRules(town.db, [{ ...square, tariffs: ['business'] }]);
    await town.delivery.sweepOnce();
    release();
    await calling;
    await town.pass(MINUTE);
    expect(town.history('7')).toEqual(['opened', 'closed']);
    expect(town.history('8')).toEqual(['opened', 'closed']);
  },
);

inTown('T5: leaving the region closes after the dwell, not before, and a return begins it anew', async (town) => {
  await openShift(town);
  town.places.put('p/1', OUTSIDE);
  await town.pass(25 * MINUTE, 5 * MINUTE);
  town.places.put('p/1', INSIDE);
  await town.pass(MINUTE);
  town.places.put('p/1', OUTSIDE);
  await town.pass(MINUTE);
  await town.pass(28 * MINUTE, 7 * MINUTE);
  expect(town.history('7')).toEqual(['opened']);
  await town.pass(2 * MINUTE);
  expect(town.history('7')).toEqual(['opened', 'closed']);
});

inTown('T5: a driver within the exit buffer has not left', async (town) => {
  await openShift(town);
  town.places.put('p/1', NEAR);
  await town.pass(70 * MINUTE, 10 * MINUTE);
  expect(town.history('7')).toEqual(['opened']);
});

inTown('T5: an unknown position never closes', async (town) => {
  await openShift(town);
  town.places.put('p/1', null);
  await town.pass(40 * MINUTE, 10 * MINUTE);
  town.places.state.away = true;
  await town.on('p/1 busy');
  await town.pass(40 * MINUTE, 10 * MINUTE);
  expect(town.history('7')).toEqual(['opened']);
  await town.on('p/1 offline');
  expect(town.history('7')).toEqual(['opened', 'closed']);
});

inTown(
  'T5: a profile without any event for a day counts as off line',
  async (town) => {
    await openShift(town);
    await town.advance(24 * 60 * MINUTE);
    await town.pass(MINUTE);
    expect(town.told('7')).toEqual([true, false]);
  },
  { settings: { shiftMs: 48 * 60 * MINUTE } },
);

inTown(
  'T5: a listed profile that falls silent closes and repairs nothing, though another is heard of by a tariff that nobody lists',
  async (town) => {
    await openShift(town);
    await town.profiles({ 'q/1': 'ann' });
    await town.tariffs('q/1', ['cargo']);
    await town.advance(23 * 60 * MINUTE);
    await town.on('q/1 online');
    await town.advance(60 * MINUTE);
    await town.pass(MINUTE);
    expect(town.told('7')).toEqual([true, false]);
    expect(await town.repaired()).toBe(0);
  },
  { settings: { shiftMs: 48 * 60 * MINUTE } },
);
