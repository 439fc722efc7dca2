import { sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { openNeighbours } from '../../simulator/neighbours/neighbours.ts';
import { bindPeople, openClients, openSteps, queueHanded, readMirror, useMirror } from './support.ts';

const world = useMirror();
const mirror = () => readMirror(world.db);
const profile = (name: string) => ({ parkId: 'p', driverId: name });
const rest = async () => {
  await sql`update deptrans.reports set dirty = false, due_at = null`.execute(world.db);
  await sql`update deptrans.status_queue set due_at = null`.execute(world.db);
};

describe('the first load', () => {
  test('comes page by page, numbers people, publishes every profile and wakes nobody', async () => {
    await bindPeople(world.db, { anna: '1' });
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      world.neighbours.data.putProfile(profile(name), name < 'c' ? 'anna' : name);
    world.neighbours.data.putProfile(profile('none'), null);
    world.neighbours.data.deleteProfile(profile('gone'));
    world.neighbours.data.putCategories(profile('a'), ['econom', 'business', 'econom']);
    expect(await world.steps.all(2)).toEqual([4, 1]);
    const { rows, log, accounts, streams, journal } = await mirror();
    expect(rows.map(({ profile: p, person, numbered }) => [p, person, numbered])).toEqual([
      ['p/a', 'anna', true],
      ['p/b', 'anna', true],
      ['p/c', 'c', true],
      ['p/d', 'd', true],
      ['p/e', 'e', true],
      ['p/none', null, null],
    ]);
    expect(rows[0]!['categories']).toEqual(['business', 'econom']);
    expect(log.flat().sort()).toEqual(rows.map((row) => row['no']).sort());
    expect(rows.every((row) => Number(row['seq']) > 0)).toBe(true);
    expect(accounts).toEqual([{ id: '1', dirty: false }]);
    expect(journal).toEqual([]);
    expect(streams).toEqual([
      { stream: 'categories', complete: true, reloading: false, confirmed: true },
      { stream: 'profiles', complete: true, reloading: false, confirmed: true },
    ]);
  });

  test('is not complete before its last page, and is resumed where it was', async () => {
    for (let i = 0; i < 5; i++) world.neighbours.data.putProfile(profile(`d${i}`), `x${i}`);
    expect(await world.steps.profiles(2)).toBe('more');
    expect((await mirror()).streams).toMatchObject([{ stream: 'profiles', complete: false, confirmed: false }]);
    const later = openSteps(world.db, world.clients);
    expect(await later.profiles(2)).toBe('more');
    expect(await later.profiles(2)).toBe('idle');
    expect((await mirror()).rows).toHaveLength(5);
    expect(await later.counted('profiles', 'row')).toBe(3);
  });

  test('of neighbours that know nobody is complete at once', async () => {
    await world.steps.all();
    expect((await mirror()).streams.map((row) => row['complete'])).toEqual([true, true]);
  });
});

describe('a change', () => {
  beforeEach(async () => {
    await bindPeople(world.db, { anna: '1', boris: '2', vera: '3' });
    world.neighbours.data.putProfile(profile('a'), 'anna');
    world.neighbours.data.putProfile(profile('b'), 'boris');
    world.neighbours.data.putCategories(profile('b'), ['econom']);
    await world.steps.all();
    await queueHanded(world.db, 'p', 'a');
    await queueHanded(world.db, 'p', 'b');
  });
  const woken = async () => (await mirror()).accounts.filter((row) => row['dirty']).map((row) => row['id']);
  const due = async () => (await mirror()).queue.filter((row) => row['due']).map((row) => row['profile']);
  const published = async () => (await mirror()).log.length;

  test('of the person wakes the accounts of both, routes the row anew and is published', async () => {
    const before = await published();
    world.neighbours.data.putProfile(profile('a'), 'boris');
    await world.steps.profiles();
    expect([await woken(), await due()]).toEqual([['1', '2'], ['p/a']]);
    const { rows, log, journal } = await mirror();
    expect(rows[0]).toMatchObject({ profile: 'p/a', person: 'boris', numbered: true });
    expect(log.slice(before)).toEqual([[rows[0]!['no']]]);
    expect(journal).toEqual([
      { profile: 'p/a', person: 'anna', outcome: 'profile_lost', reason: 'profile_moved' },
      { profile: 'p/a', person: 'boris', outcome: 'profile_gained', reason: 'profile_moved' },
    ]);
  });

  test('to a licence nobody has heard of gives that person a number and closes the old account', async () => {
    world.neighbours.data.putProfile(profile('a'), 'anna-new-licence');
    await world.steps.profiles();
    expect([await woken(), await due()]).toEqual([['1'], ['p/a']]);
    expect((await mirror()).rows[0]).toMatchObject({ person: 'anna-new-licence', numbered: true });
  });

  test('a profile deleted, and one that comes back, are published, and their accounts woken', async () => {
    world.neighbours.data.deleteProfile(profile('a'));
    await world.steps.profiles();
    expect([await woken(), await due()]).toEqual([['1'], ['p/a']]);
    const { rows, log } = await mirror();
    expect(rows[0]).toMatchObject({ person: null, deleted: true });
    expect(log.at(-1)).toEqual([rows[0]!['no']]);
    await rest();
    world.neighbours.data.putProfile(profile('a'), 'anna');
    await world.steps.profiles();
    expect([await woken(), await due()]).toEqual([['1'], ['p/a']]);
    expect((await mirror()).rows[0]).toMatchObject({ person: 'anna', deleted: false, no: rows[0]!['no'] });
  });

  test('a profile that was made and deleted between two looks is known as deleted, and its events are routed anew', async () => {
    const before = await published();
    await queueHanded(world.db, 'p', 'v');
    world.neighbours.data.putProfile(profile('v'), 'vera');
    world.neighbours.data.deleteProfile(profile('v'));
    await world.steps.all();
    const { rows, log } = await mirror();
    expect([await woken(), await due()]).toEqual([[], ['p/v']]);
    expect(rows.at(-1)).toMatchObject({ profile: 'p/v', person: null, deleted: true });
    expect(log.slice(before)).toEqual([[rows.at(-1)!['no']]]);
  });

  test('a new profile wakes its person', async () => {
    world.neighbours.data.putProfile(profile('v'), 'vera');
    await queueHanded(world.db, 'p', 'v');
    await world.steps.profiles();
    expect([await woken(), await due()]).toEqual([['3'], ['p/v']]);
  });

  test('of tariffs wakes the person and is not published', async () => {
    const before = await published();
    world.neighbours.data.putCategories(profile('b'), ['cargo']);
    await world.steps.categories();
    expect([await woken(), await due(), await published()]).toEqual([['2'], ['p/b'], before]);
    expect((await mirror()).rows[1]!['categories']).toEqual(['cargo']);
  });

  test('that is none does nothing', async () => {
    const before = await published();
    world.neighbours.data.putProfile(profile('a'), 'anna');
    world.neighbours.data.putCategories(profile('b'), ['econom']);
    await world.steps.all();
    expect([await woken(), await due(), await published()]).toEqual([[], [], before]);
    expect((await mirror()).rows).toHaveLength(2);
  });

  test('tariffs that come before their profile wait for it', async () => {
    world.neighbours.data.putCategories(profile('v'), ['econom']);
    await world.steps.categories();
    expect((await mirror()).rows[2]).toMatchObject({ profile: 'p/v', person: null, seq: 0, categories: ['econom'] });
    world.neighbours.data.putProfile(profile('v'), 'vera');
    await world.steps.profiles();
    expect((await mirror()).rows[2]).toMatchObject({ person: 'vera', categories: ['econom'] });
    expect(await woken()).toEqual(['3']);
  });
});

describe('a neighbour that forgot our revision', () => {
  test('is read again from the beginning; nothing that is as it was is published or woken', async () => {
    await bindPeople(world.db, { anna: '1', boris: '2' });
    for (const name of ['anna', 'boris', 'c', 'd']) world.neighbours.data.putProfile(profile(name), name);
    world.neighbours.data.putCategories(profile('anna'), ['econom']);
    await world.steps.all();
    const before = await mirror();
    world.neighbours.data.profiles.forget();
    world.neighbours.data.categories.forget();
    world.neighbours.data.putProfile(profile('boris'), 'boris-new');
    expect(await world.steps.all(2)).toEqual([3, 2]);
    const after = await mirror();
    expect(after.log.slice(before.log.length)).toEqual([[after.rows[1]!['no']]]);
    expect(after.accounts).toEqual([
      { id: '1', dirty: false },
      { id: '2', dirty: true },
    ]);
    expect(after.streams).toMatchObject([{ reloading: false }, { reloading: false }]);
    expect(await world.steps.counted('profiles', 'forgotten')).toBe(1);
  });

  test('profiles and tariffs that it does not name any more are gone, some at a time', async () => {
    await bindPeople(world.db, { x1: '1', x4: '4' });
    for (let i = 0; i < 5; i++) {
      world.neighbours.data.putProfile(profile(`d${i}`), `x${i}`);
      world.neighbours.data.putCategories(profile(`d${i}`), ['econom']);
    }
    await world.steps.all();
    await using other = await openNeighbours();
    other.data.profiles.forget();
    other.data.categories.forget();
    other.data.putProfile(profile('d4'), 'x4');
    other.data.putCategories(profile('d4'), ['econom']);
    await using otherClients = openClients(other);
    const before = (await mirror()).log.length;
    const reload = openSteps(world.db, otherClients);
    await reload.all(2);
    const { rows, log, accounts, streams } = await mirror();
    expect(rows.map(({ person, deleted, categories }) => [person, deleted, categories])).toEqual([
      ...Array.from({ length: 4 }, () => [null, true, []]),
      ['x4', false, ['econom']],
    ]);
    expect(log.slice(before).map((nos) => nos.length)).toEqual([2, 2]);
    expect(accounts).toEqual([
      { id: '1', dirty: true },
      { id: '4', dirty: false },
    ]);
    expect(streams).toMatchObject([
      { reloading: false, complete: true },
      { reloading: false, complete: true },
    ]);
  });
});
