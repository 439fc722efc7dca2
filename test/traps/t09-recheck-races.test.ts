import { sql } from 'kysely';
import { expect } from 'vitest';
import { until } from '../support/until.ts';
import { inTown, type Town } from './town.ts';

/** Ann's only profile is somebody else's for driver-profiles, and the question about it is with the regulator, whose answer waits. */
async function asking(town: Town) {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  town.regulator.registry.put('7', 'licence of ann again');
  await town.profiles({ 'p/1': 'ann again' });
  await town.delivery.runOnce();
  const release = town.hold('checkId');
  const asked = town.delivery.recheckOnce();
  await until(() => town.checks('7') === 1, 'the regulator is asked');
  return () => {
    release();
    return asked;
  };
}

/** What is asked again after something changed is asked soon. */
async function askAgain(town: Town) {
  await town.advance(2_000);
  await town.delivery.runOnce();
  await town.delivery.recheckOnce();
  const { rows } = await sql`select 1 from deptrans.licence_changes`.execute(town.db);
  expect(rows).toEqual([]);
}

inTown('T9: an id that the driver sets during the question is newer and stays', async (town) => {
  const end = await asking(town);
  await town.bind('p/1', '9');
  await end();
  expect(await town.standing('p/1')).toBe('bound 9');
  await askAgain(town);
  expect(await town.standing('p/1')).toBe('bound 9');
  expect(town.checks('7')).toBe(1);
});

inTown('T9: the same id set during the question is moved once', async (town) => {
  const end = await asking(town);
  await town.bind('p/1', '7');
  await end();
  await askAgain(town);
  expect(await town.standing('p/1')).toBe('bound 7');
  const { rows } =
    await sql`select reason from deptrans.journal where outcome = 'bound' and driver_license_pd_id = 'ann again'`.execute(
      town.db,
    );
  expect(rows).toEqual([{ reason: 'taken_over' }]);
});

inTown('T9: an id that somebody else sets during the question is his', async (town) => {
  await town.profiles({ 'p/2': 'bob' });
  const end = await asking(town);
  await town.bind('p/2', '7');
  await end();
  await askAgain(town);
  expect(await town.standing('p/2')).toBe('bound 7');
  expect(await town.standing('p/1')).toBe('unbound');
});

inTown('T9: a refusal that comes after the driver has set an id refuses nothing', async (town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  await town.profiles({ 'p/1': 'ann again' });
  await town.delivery.runOnce();
  const release = town.hold('checkId');
  const asked = town.delivery.recheckOnce();
  await until(() => town.checks('7') === 1, 'the regulator is asked');
  await town.bind('p/1', '9');
  release();
  await asked;
  await askAgain(town);
  expect(await town.standing('p/1')).toBe('bound 9');
});

inTown('T9: a second licence during the question is asked about instead', async (town) => {
  const end = await asking(town);
  await town.profiles({ 'p/1': 'ann for the third time' });
  town.regulator.registry.put('7', 'licence of ann for the third time');
  await end();
  expect(await town.standing('p/1')).toBe('bound 7');
  await askAgain(town);
  const { rows } = await sql`select driver_license_pd_id as person, state from deptrans.profiles order by 1`.execute(
    town.db,
  );
  expect(rows).toEqual([
    { person: 'ann', state: 'unbound' },
    { person: 'ann again', state: 'unbound' },
    { person: 'ann for the third time', state: 'bound' },
  ]);
});

inTown('T9: who dies with the question in hand has moved nothing; another asks when the time is over', async (town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  town.regulator.registry.put('7', 'licence of ann again');
  await town.profiles({ 'p/1': 'ann again' });
  await town.delivery.runOnce();
  town.regulator.faults.add({ kind: 'hang', calls: ['check'], count: 1 });
  const life = new AbortController();
  const asked = town.delivery.recheckOnce(life.signal);
  await until(() => town.checks('7') === 1, 'the regulator is asked');
  life.abort();
  await asked;
  expect(await town.standing('p/1')).toBe('recheck');
  await using other = town.open('two');
  expect(await other.recheckOnce()).toBe(0); // the first still leads, and the question is in its hand
  await town.advance(61_000);
  expect(await other.recheckOnce()).toBe(1);
  expect(await town.standing('p/1')).toBe('bound 7');
});

inTown('T9: of several instances one asks', async (town) => {
  const end = await asking(town);
  await using other = town.open('two');
  expect(await other.recheckOnce()).toBe(0);
  await end();
  expect(await other.recheckOnce()).toBe(0);
  expect(town.checks('7')).toBe(1);
  expect(await town.standing('p/1')).toBe('bound 7');
});

inTown(
  'T9: profiles that follow one by one, or are deleted, are one change, told when the last has gone',
  async (town) => {
    await town.profiles({ 'p/1': 'ann', 'p/2': 'ann', 'p/3': 'ann' });
    await town.bind('p/1', '7');
    town.regulator.registry.put('7', 'licence of ann again');
    await town.profiles({ 'p/1': 'ann again' });
    await town.profiles({ 'p/2': 'ann again' });
    await town.delivery.runOnce();
    expect(await town.delivery.recheckOnce()).toBe(0);
    expect(await town.standing('p/1')).toBe('unbound');
    await town.deleteProfile('p/3');
    await town.delivery.runOnce();
    expect(await town.standing('p/1')).toBe('recheck');
    expect(await town.delivery.recheckOnce()).toBe(1);
    expect(await town.standing('p/2')).toBe('bound 7');
  },
);

inTown('T9: of two old licences the id that fits is taken', async (town) => {
  await town.profiles({ 'p/1': 'ann', 'p/2': 'anna' });
  await town.bind('p/1', '7');
  await town.bind('p/2', '8');
  town.regulator.registry.put('8', 'licence of both');
  await town.profiles({ 'p/1': 'both', 'p/2': 'both' });
  await town.delivery.runOnce();
  await town.delivery.recheckOnce();
  expect(await town.standing('p/1')).toBe('bound 8');
  const { rows } = await sql`select 1 from deptrans.licence_changes`.execute(town.db);
  expect(rows).toEqual([]);
});
