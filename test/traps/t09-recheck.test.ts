import { sql } from 'kysely';
import { expect } from 'vitest';
import { inTown, type Town } from './town.ts';

/** Ann, connected in two parks with the id 7, gets a new licence; the regulator knows of it at once. */
async function changesLicence(town: Town) {
  await town.profiles({ 'p/1': 'ann', 'q/1': 'ann' });
  await town.bind('p/1', '7');
  await town.on('p/1 online', 'q/1 online');
  town.regulator.registry.put('7', 'licence of ann again');
  await town.profiles({ 'p/1': 'ann again', 'q/1': 'ann again' });
}

const waiting = async ({ db }: Town) =>
  (
    await sql<{ line: string }>`
    select driver_license_pd_id || ' < ' || former || case when due_at is null then ' later' else '' end as line
      from deptrans.licence_changes order by 1`.execute(db)
  ).rows.map(({ line }) => line);

const owners = async ({ db }: Town) =>
  Object.fromEntries(
    (
      await sql<{ person: string; said: string }>`
      select driver_license_pd_id as person, concat_ws(' ', state, deptrans_id) as said from deptrans.profiles`.execute(
        db,
      )
    ).rows.map(({ person, said }) => [person, said]),
  );

/** Nobody is asked while a report is late: the account is not due for now, however long the machine takes until the question. */
const notDueYet = ({ db }: Town) =>
  sql`update deptrans.reports set due_at = deptrans.now() + interval '10 minutes' where lease_token is null`.execute(
    db,
  );

inTown('T9: checked before the old shift was closed, the shift goes on', async (town) => {
  await changesLicence(town);
  await notDueYet(town);
  expect(await town.delivery.recheckOnce()).toBe(1);
  await town.delivery.runOnce();
  expect(town.history('7')).toEqual(['opened']);
  expect(await town.session('ann again')).toMatchObject({ deleted: false });
});

inTown('T9: an id that is not of the new licence stays where it was, and the driver is told', async (town) => {
  await changesLicence(town);
  town.regulator.registry.put('7', 'licence of ann');
  await notDueYet(town);
  expect(await town.delivery.recheckOnce()).toBe(1);
  expect(await town.standing('p/1')).toBe('rejected');
  expect(await owners(town)).toEqual({ ann: 'bound 7', 'ann again': 'rejected' });
  expect(await town.delivery.recheckOnce()).toBe(0);
  // It can be the wrong profile that moved: back with its person, everything is as it was.
  await town.profiles({ 'p/1': 'ann', 'q/1': 'ann' });
  await town.delivery.runOnce();
  expect(await town.standing('p/1')).toBe('bound 7');
  expect(town.isOpen('7')).toBe(true);
});

inTown(
  'T9: who is not known at personal, or whose regulator is away, waits, and is asked about ever more rarely',
  async (town) => {
    await changesLicence(town);
    await town.delivery.runOnce();
    town.licences.away = true;
    await town.delivery.recheckOnce();
    town.licences.away = false;
    town.licences.unknown.add('ann again');
    const asked: number[] = [];
    for (let hour = 0; hour < 5; hour++) {
      const before = town.licences.asked;
      for (let step = 0; step < 30; step++) {
        await town.advance(120_000);
        await town.delivery.recheckOnce();
      }
      asked.push(town.licences.asked - before);
    }
    expect(asked[0]).toBeGreaterThan(2);
    expect(asked[0]).toBeLessThan(10);
    expect(
      asked.slice(3).every((n) => n >= 1 && n <= 2),
      asked.join(),
    ).toBe(true);
    expect(town.checks('7')).toBe(0);
    town.licences.unknown.clear();
    town.regulator.faults.add({ kind: 'serverError', calls: ['check'], count: 1 });
    for (const expected of ['recheck', 'bound 7']) {
      await town.advance(3_700_000);
      await town.delivery.runOnce();
      expect(await town.delivery.recheckOnce()).toBe(1);
      expect(await town.standing('q/1')).toBe(expected);
    }
    expect(town.checks('7')).toBe(2);
  },
);

inTown('T9: nobody is asked while reports wait or the regulator is away', async (town) => {
  await changesLicence(town);
  await town.delivery.runOnce();
  await town.profiles({ 'p/2': 'bob' });
  await town.bind('p/2', '8');
  await town.events(['p/2 online']);
  await town.advance(2_000); // bob's report is late
  expect(await town.delivery.recheckOnce()).toBe(0);
  await town.delivery.runOnce();
  await sql`update deptrans.gate set open_since = deptrans.now(), next_probe_at = 'infinity'`.execute(town.db);
  expect(await town.delivery.recheckOnce()).toBe(0);
  await sql`update deptrans.gate set open_since = null`.execute(town.db);
  expect(await town.delivery.recheckOnce()).toBe(1);
  expect(town.checks('7')).toBe(1);
});

inTown('T9: a profile that moves between two who drive on is no change of licence', async (town) => {
  await town.profiles({ 'p/1': 'ann', 'q/1': 'ann', 'p/2': 'bob' });
  await town.bind('p/1', '7');
  await town.profiles({ 'q/1': 'bob' });
  expect(await town.delivery.recheckOnce()).toBe(0);
  expect(await town.standing('p/2')).toBe('unbound');
  expect(await waiting(town)).toEqual(['bob < ann later']);
  // Nor is it one when they change places …
  await town.profiles({ 'p/1': 'bob', 'p/2': 'ann' });
  expect(await town.delivery.recheckOnce()).toBe(0);
  expect(await owners(town)).toEqual({ ann: 'bound 7' });
});

inTown('T9: nor when the new person has an id', async (town) => {
  await town.profiles({ 'p/1': 'ann', 'p/2': 'bob' });
  await town.bind('p/1', '7');
  await town.bind('p/2', '8');
  await town.profiles({ 'p/1': 'bob' });
  expect(await waiting(town)).toEqual([]);
  expect(await town.delivery.recheckOnce()).toBe(0);
});
