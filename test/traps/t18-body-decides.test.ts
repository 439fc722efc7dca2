import { expect } from 'vitest';
import type { FaultRule } from '../../simulator/regulator/faults.ts';
import { inTown, type Town } from './town.ts';

const bound = async (town: Town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
};

const answersOnce = async (town: Town, rule: FaultRule) => {
  await bound(town);
  town.regulator.faults.add({ ...rule, calls: ['status'], count: 1 });
  await town.on('p/1 online');
};

const broken: Record<string, FaultRule> = {
  'an HTML page': { kind: 'html' },
  'a body cut in half': { kind: 'cutJson' },
  'an empty body': { kind: 'body', body: '' },
  'a body of another kind': { kind: 'body', body: '[1, 2]' },
  'an endless body': { kind: 'hugeBody', bytes: 1_000_000 },
  'an error that nobody knows': { kind: 'errorInside', code: 'LUNCH', applies: true },
};

for (const [what, rule] of Object.entries(broken)) {
  inTown(
    `T18: ${what} in a 200 is no success: it is looked up, and no second shift opens`,
    async (town) => {
      await answersOnce(town, rule);
      expect(await town.account('7')).toMatchObject({ believed: false, doubt: true, wait_reason: 'unknown_outcome' });
      await town.advance(60_000);
      await town.delivery.runOnce();
      expect(await town.account('7')).toMatchObject({ believed: true, doubt: false });
      expect(town.history('7')).toEqual(['opened']);
    },
    { settings: { repeats: 'secondShift' } },
  );
}

inTown('T18: an error in a 200 that had no effect is found out, and the report is sent again', async (town) => {
  await answersOnce(town, { kind: 'errorInside', code: 'INTERNAL' });
  await town.advance(60_000);
  await town.delivery.runOnce();
  expect(town.told('7')).toEqual([true, true]);
  expect(town.history('7').filter((what) => what === 'opened')).toEqual(['opened']);
  expect(town.isOpen('7')).toBe(true);
});

inTown('T18: a refusal in a 200 parks', async (town) => {
  await answersOnce(town, { kind: 'blocked' });
  expect(await town.ends()).toEqual({ 'parked driver_blocked': 1 });
});

inTown('T18: an ended token in a 200 is renewed, and the call made again at once', async (town) => {
  await answersOnce(town, { kind: 'tokenExpired' });
  expect(town.history('7')).toEqual(['opened']);
  expect(await town.ends()).toEqual({ sent: 1 });
});

inTown('T18: a status that nobody knows is kept as it is, and the driver counts as connected', async (town) => {
  await answersOnce(town, { kind: 'unknownWord', word: 'ON_BREAK' });
  expect(await town.session('ann')).toMatchObject({ session_status: 'unrecognised', session_status_raw: 'ON_BREAK' });
  expect((await town.account('7')).believed).toBe(true);
  await town.on('p/1 offline');
  expect(town.history('7')).toEqual(['opened', 'closed']);
});
