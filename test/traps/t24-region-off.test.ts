import { expect } from 'vitest';
import { switchRegionOff } from '../../src/store/rules.ts';
import { until } from '../support/until.ts';
import { inTown, type Town } from './town.ts';

const MINUTE = 60_000;

/** People 1 to `count`, on line with ids of their own. */
async function people(town: Town, count: number) {
  const all = Array.from({ length: count }, (_, i) => i + 1);
  await town.profiles(Object.fromEntries(all.map((i) => [`p/${i}`, `person ${i}`])));
  for (const i of all) await town.bind(`p/${i}`, `${i}`);
  return all;
}

inTown('T24: a region that is switched off is drained of all open people, and nobody new is opened', async (town) => {
  const all = await people(town, 12);
  await town.on(...all.slice(0, 10).map((i) => `p/${i} online`));
  await switchRegionOff(town.db, 'moscow');
  await town.on('p/11 online');
  await town.pass(MINUTE);
  await town.on('p/12 online');
  for (const i of all.slice(0, 10)) expect(town.history(`${i}`)).toEqual(['opened', 'closed']);
  for (const i of [11, 12]) expect(town.history(`${i}`)).toEqual([]);
  expect(await town.ends()).toMatchObject({ 'filtered region_off': 2 });
});

inTown('T24: a report that is under way when the region goes is closed after it', async (town) => {
  await people(town, 1);
  const release = town.hold('report');
  await town.events(['p/1 online']);
  const calling = town.delivery.runOnce();
  await until(() => town.told('1').length === 1, 'the report is under way');
  await switchRegionOff(town.db, 'moscow');
  release();
  await calling;
  await town.pass(MINUTE);
  expect(town.isOpen('1')).not.toBe(true);
  expect((await town.account('1')).believed).toBe(false);
});

inTown(
  'T24: who is in doubt or parked when the region goes is closed and parked no longer',
  async (town) => {
    await people(town, 2);
    town.regulator.faults.add({ kind: 'reset', applies: true, calls: ['status'], drivers: ['1'], count: 1 });
    town.regulator.registry.block('2', Number.POSITIVE_INFINITY);
    await town.on('p/1 online', 'p/2 online');
    await switchRegionOff(town.db, 'moscow');
    await town.pass(2 * MINUTE);
    expect(town.history('1')).toEqual(['opened', 'closed']);
    expect(await town.account('2')).toMatchObject({ parked_reason: null, believed: false, doubt: false });
  },
  { limits: { canReadSession: false } },
);
