import { sql } from 'kysely';
import { expect } from 'vitest';
import { until } from '../support/until.ts';
import { inTown, type Town } from './town.ts';

/** Ann, connected in two parks with the id 7, gets a new licence: for driver-profiles she is somebody else now. */
async function changesLicence(town: Town) {
  await town.profiles({ 'p/1': 'ann', 'q/1': 'ann' });
  await town.bind('p/1', '7');
  await town.on('p/1 online', 'q/1 online');
  await town.profiles({ 'p/1': 'ann again', 'q/1': 'ann again' });
}

inTown('T9: the session of the old licence is closed at once', async (town) => {
  await changesLicence(town);
  await town.delivery.runOnce();
  expect(town.history('7')).toEqual(['opened', 'closed']);
  expect(await town.session('ann')).toMatchObject({ session_status: expect.stringMatching(/finished|finalized/) });
});

inTown('T9: it is closed also if the change comes while its report is under way', async (town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  await town.events(['p/1 online']);
  const release = town.hold('report');
  const calling = town.delivery.runOnce();
  await until(() => town.told('7').length === 1, 'the report is under way');
  await town.profiles({ 'p/1': 'ann again' });
  release();
  await calling;
  await town.delivery.runOnce();
  expect(town.isOpen('7')).not.toBe(true);
  expect((await town.account('7')).believed).toBe(false);
});

inTown('T9: the id bound again to the new licence is open again, and the old person has it no longer', async (town) => {
  await changesLicence(town);
  await town.delivery.runOnce();
  await town.bind('p/1', '7');
  await town.delivery.runOnce();
  expect(town.history('7')).toEqual(['opened', 'closed', 'opened']);
  const { rows } =
    await sql`select driver_license_pd_id as person, deptrans_id as id, state from deptrans.profiles order by 1`.execute(
      town.db,
    );
  expect(rows).toEqual([
    { person: 'ann', id: null, state: 'unbound' },
    { person: 'ann again', id: '7', state: 'bound' },
  ]);
});

inTown('T9: bound again before the old session was closed, it stays open: one driver, one shift', async (town) => {
  await changesLicence(town);
  await town.bind('q/1', '7');
  await town.delivery.runOnce();
  expect(town.history('7')).toEqual(['opened']);
  expect(await town.session('ann again')).toMatchObject({ deleted: false });
});

inTown('T9: the id is checked against the new licence by itself, and moves with its shift', async (town) => {
  await changesLicence(town);
  town.regulator.registry.put('7', 'licence of ann again');
  await town.delivery.runOnce();
  expect(await town.standing('p/1')).toBe('recheck');
  expect(await town.delivery.recheckOnce()).toBe(1);
  await town.delivery.runOnce();
  expect(town.history('7')).toEqual(['opened', 'closed', 'opened']);
  expect(await town.standing('q/1')).toBe('bound 7');
  expect(await town.session('ann again')).toMatchObject({ deleted: false, session_status: 'online' });
  expect(await town.session('ann')).toMatchObject({ deleted: true });
  const { rows } = await sql`select outcome, driver_license_pd_id as person from deptrans.journal
    where reason = 'licence_changed' order by at, outcome desc`.execute(town.db);
  expect(rows).toEqual([
    { outcome: 'unbound', person: 'ann' },
    { outcome: 'bound', person: 'ann again' },
  ]);
});
