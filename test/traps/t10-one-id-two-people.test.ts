import { sql } from 'kysely';
import { expect } from 'vitest';
import { parseDeptransId } from '../../src/domain/binding.ts';
import { bind, readCaller } from '../../src/store/bindings.ts';
import { inTransaction } from '../../src/store/database.ts';
import { bindOptions } from '../support/bindings.ts';
import { inTown, refOf, type Town } from './town.ts';

const ID = parseDeptransId('7')!;

/** What a driver's call has read before the regulator is asked about the id; saved when it has answered "valid". */
async function beginCheck({ db }: Town, profile: string) {
  const caller = await readCaller(db, refOf(profile), ID);
  if (typeof caller === 'string') throw new Error(caller);
  const checked = { driver: refOf(profile), deptransId: ID, ...caller };
  return { save: () => inTransaction(db, (tx) => bind(tx, checked, bindOptions)) };
}

const owners = async ({ db }: Town) =>
  db
    .selectFrom('deptrans.profiles')
    .select(['driver_license_pd_id as person', 'state'])
    .where('deptrans_id', '=', ID)
    .execute();

const journal = async ({ db }: Town) => {
  const { rows } = await sql<{ line: string }>`select driver_license_pd_id || ' ' || outcome || ' ' || reason as line
    from deptrans.journal where kind = 'binding' and account is not null order by at, outcome desc, line`.execute(db);
  return rows.map(({ line }) => line);
};

inTown(
  'T10: the later valid check takes the id over and voids the earlier one; both are written down',
  async (town) => {
    await town.profiles({ 'p/1': 'ann', 'q/1': 'bob' });
    await town.bind('p/1', '7');
    await town.on('p/1 online', 'q/1 online');
    await town.bind('q/1', '007');
    await town.delivery.runOnce();

    expect(await owners(town)).toEqual([{ person: 'bob', state: 'bound' }]);
    expect(await journal(town)).toEqual(['ann bound checked', 'ann unbound taken_over', 'bob bound taken_over']);
    expect(town.told('7')).toEqual([true]); // bob is connected as well: the account stays open
    expect(await town.session('bob')).toMatchObject({ deleted: false, deptrans_id: '7' });
    expect(await town.session('ann')).toMatchObject({ deleted: true });
  },
);

inTown('T10: an older check that is saved last does not win', async (town) => {
  await town.profiles({ 'p/1': 'ann', 'q/1': 'bob' });
  const older = await beginCheck(town, 'p/1');
  await town.bind('q/1', '7');
  expect(await older.save()).toBeNull();
  expect(await owners(town)).toEqual([{ person: 'bob', state: 'bound' }]);
  expect(await journal(town)).toEqual(['bob bound checked']);

  const again = await beginCheck(town, 'p/1');
  expect(await again.save()).toMatchObject({ deptransId: '7' });
  expect(await owners(town)).toEqual([{ person: 'ann', state: 'bound' }]);
});

inTown('T10: of two checks saved at one moment one wins, and there is one owner', async (town) => {
  await town.profiles({ 'p/1': 'ann', 'q/1': 'bob' });
  const checks = await Promise.all([beginCheck(town, 'p/1'), beginCheck(town, 'q/1')]);
  const saved = await Promise.all(checks.map(({ save }) => save()));
  expect(saved.filter((binding) => binding !== null)).toHaveLength(1);
  expect(await owners(town)).toHaveLength(1);
});
