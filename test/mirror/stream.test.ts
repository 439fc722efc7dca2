import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type NeighbourServers, openNeighbours } from '../../simulator/neighbours/neighbours.ts';
import type { ProfileUpdate } from '../../src/clients/profiles.ts';
import type { Updates } from '../../src/clients/updates.ts';
import { profilesStream } from '../../src/mirror/profiles.ts';
import { stepStream } from '../../src/mirror/stream.ts';
import { lead } from '../../src/store/leaders.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { bindPeople, never, openClients, openSteps, queueHanded, readMirror } from './support.ts';

let database: TestDatabase;
let neighbours: NeighbourServers;
let clients: ReturnType<typeof openClients>;
let steps: ReturnType<typeof openSteps>;
beforeEach(async () => {
  database = await openTestDatabase();
  neighbours = await openNeighbours();
  clients = openClients(neighbours);
  steps = openSteps(database.db, clients);
});
afterEach(async () => {
  await clients[Symbol.asyncDispose]();
  await neighbours.close();
  await database[Symbol.asyncDispose]();
});

const mirror = () => readMirror(database.db);
const profile = (name: string) => ({ parkId: 'p', driverId: name });
const rest = async () => {
  await sql`update deptrans.reports set dirty = false, due_at = null`.execute(database.db);
  await sql`update deptrans.status_queue set due_at = null`.execute(database.db);
};

describe('the first load', () => {
  test('comes page by page, numbers people, publishes every profile and wakes nobody', async () => {
    await bindPeople(database.db, { anna: '1' });
    for (const name of ['a', 'b', 'c', 'd', 'e']) neighbours.data.putProfile(profile(name), name < 'c' ? 'anna' : name);
    neighbours.data.putProfile(profile('none'), null);
    neighbours.data.putCategories(profile('a'), ['econom', 'business', 'econom']);
    expect(await steps.all(2)).toEqual([3, 1]);
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
    for (let i = 0; i < 5; i++) neighbours.data.putProfile(profile(`d${i}`), `x${i}`);
    expect(await steps.profiles(2)).toBe('more');
    expect((await mirror()).streams).toMatchObject([{ stream: 'profiles', complete: false, confirmed: false }]);
    const later = openSteps(database.db, clients);
    expect(await later.profiles(2)).toBe('more');
    expect(await later.profiles(2)).toBe('idle');
    expect((await mirror()).rows).toHaveLength(5);
    expect(await later.counted('profiles', 'row')).toBe(3);
  });

  test('of neighbours that know nobody is complete at once', async () => {
    await steps.all();
    expect((await mirror()).streams.map((row) => row['complete'])).toEqual([true, true]);
  });
});

describe('a change', () => {
  beforeEach(async () => {
    await bindPeople(database.db, { anna: '1', boris: '2', vera: '3' });
    neighbours.data.putProfile(profile('a'), 'anna');
    neighbours.data.putProfile(profile('b'), 'boris');
    neighbours.data.putCategories(profile('b'), ['econom']);
    await steps.all();
    await queueHanded(database.db, 'p', 'a');
    await queueHanded(database.db, 'p', 'b');
  });
  const woken = async () => (await mirror()).accounts.filter((row) => row['dirty']).map((row) => row['id']);
  const due = async () => (await mirror()).queue.filter((row) => row['due']).map((row) => row['profile']);
  const published = async () => (await mirror()).log.length;

  test('of the person wakes the accounts of both, routes the row anew and is published', async () => {
    const before = await published();
    neighbours.data.putProfile(profile('a'), 'boris');
    await steps.profiles();
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
    neighbours.data.putProfile(profile('a'), 'anna-new-licence');
    await steps.profiles();
    expect([await woken(), await due()]).toEqual([['1'], ['p/a']]);
    expect((await mirror()).rows[0]).toMatchObject({ person: 'anna-new-licence', numbered: true });
  });

  test('a profile deleted, and one that comes back, are published, and their accounts woken', async () => {
    neighbours.data.deleteProfile(profile('a'));
    await steps.profiles();
    expect([await woken(), await due()]).toEqual([['1'], ['p/a']]);
    const { rows, log } = await mirror();
    expect(rows[0]).toMatchObject({ person: null, deleted: true });
    expect(log.at(-1)).toEqual([rows[0]!['no']]);
    await rest();
    neighbours.data.putProfile(profile('a'), 'anna');
    await steps.profiles();
    expect([await woken(), await due()]).toEqual([['1'], ['p/a']]);
    expect((await mirror()).rows[0]).toMatchObject({ person: 'anna', deleted: false, no: rows[0]!['no'] });
  });

  test('a new profile wakes its person', async () => {
    neighbours.data.putProfile(profile('v'), 'vera');
    await queueHanded(database.db, 'p', 'v');
    await steps.profiles();
    expect([await woken(), await due()]).toEqual([['3'], ['p/v']]);
  });

  test('of tariffs wakes the person and is not published', async () => {
    const before = await published();
    neighbours.data.putCategories(profile('b'), ['cargo']);
    await steps.categories();
    expect([await woken(), await due(), await published()]).toEqual([['2'], ['p/b'], before]);
    expect((await mirror()).rows[1]!['categories']).toEqual(['cargo']);
  });

  test('that is none does nothing', async () => {
    const before = await published();
    neighbours.data.putProfile(profile('a'), 'anna');
    neighbours.data.putCategories(profile('b'), ['econom']);
    neighbours.data.deleteProfile(profile('stranger'));
    await steps.all();
    expect([await woken(), await due(), await published()]).toEqual([[], [], before]);
    expect((await mirror()).rows).toHaveLength(2);
  });

  test('tariffs that come before their profile wait for it', async () => {
    neighbours.data.putCategories(profile('v'), ['econom']);
    await steps.categories();
    expect((await mirror()).rows[2]).toMatchObject({ profile: 'p/v', person: null, seq: 0, categories: ['econom'] });
    neighbours.data.putProfile(profile('v'), 'vera');
    await steps.profiles();
    expect((await mirror()).rows[2]).toMatchObject({ person: 'vera', categories: ['econom'] });
    expect(await woken()).toEqual(['3']);
  });
});

describe('a neighbour that forgot our revision', () => {
  test('is read again from the beginning; nothing that is as it was is published or woken', async () => {
    await bindPeople(database.db, { anna: '1', boris: '2' });
    for (const name of ['anna', 'boris', 'c', 'd']) neighbours.data.putProfile(profile(name), name);
    neighbours.data.putCategories(profile('anna'), ['econom']);
    await steps.all();
    const before = await mirror();
    neighbours.data.profiles.forget();
    neighbours.data.categories.forget();
    neighbours.data.putProfile(profile('boris'), 'boris-new');
    expect(await steps.all(2)).toEqual([3, 2]);
    const after = await mirror();
    expect(after.log.slice(before.log.length)).toEqual([[after.rows[1]!['no']]]);
    expect(after.accounts).toEqual([
      { id: '1', dirty: false },
      { id: '2', dirty: true },
    ]);
    expect(after.streams).toMatchObject([{ reloading: false }, { reloading: false }]);
    expect(await steps.counted('profiles', 'forgotten')).toBe(1);
  });

  test('profiles and tariffs that it does not name any more are gone, some at a time', async () => {
    await bindPeople(database.db, { x1: '1', x4: '4' });
    for (let i = 0; i < 5; i++) {
      neighbours.data.putProfile(profile(`d${i}`), `x${i}`);
      neighbours.data.putCategories(profile(`d${i}`), ['econom']);
    }
    await steps.all();
    await using other = await openNeighbours();
    other.data.profiles.forget();
    other.data.categories.forget();
    other.data.putProfile(profile('d4'), 'x4');
    other.data.putCategories(profile('d4'), ['econom']);
    await using otherClients = openClients(other);
    const before = (await mirror()).log.length;
    const reload = openSteps(database.db, otherClients);
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

describe('a former leader', () => {
  const page = (person: string, revision: string): Updates<ProfileUpdate> => ({
    rows: [{ ...profile('a'), person, deleted: false }],
    unreadable: 0,
    revision,
    hasMore: false,
  });
  const stepOf = (updates: () => Promise<Updates<ProfileUpdate>>, term: number) =>
    stepStream(
      { db: database.db, pageLimit: 10, leadership: 'mirror', counted: steps.counter },
      profilesStream({ updates }),
      term,
      never,
    );

  test('writes nothing once another leads', async () => {
    const term = (await lead(database.db, 'mirror', 'zombie', 1))!;
    await sql`update deptrans.leaders set expires_at = deptrans.now() - interval '1 s'`.execute(database.db);
    expect(await lead(database.db, 'mirror', 'other', 60_000)).toBe(term + 1);
    await stepOf(() => Promise.resolve(page('old', 'r1')), term);
    expect((await mirror()).rows).toEqual([]);
  });

  test('with a page that was asked for before somebody else went on, writes nothing', async () => {
    const term = (await lead(database.db, 'mirror', 'me', 60_000))!;
    const asked = Promise.withResolvers<void>();
    const held = Promise.withResolvers<Updates<ProfileUpdate>>();
    const late = stepOf(() => {
      asked.resolve();
      return held.promise;
    }, term);
    await asked.promise;
    await stepOf(() => Promise.resolve(page('new', 'r2')), term);
    held.resolve(page('old', 'r1'));
    await late;
    expect((await mirror()).rows).toMatchObject([{ person: 'new' }]);
  });
});

describe('a neighbour that lies', () => {
  beforeEach(() => {
    for (const name of ['a', 'b', 'c']) {
      neighbours.data.putProfile(profile(name), `x-${name}`);
      neighbours.data.putCategories(profile(name), ['econom', 'no such tariff']);
    }
  });

  test.each([
    ['repeats', 0],
    ['wrongTypes', 2],
    ['emptyIds', 2],
  ] as const)('%s: what can be understood is taken, the rest is counted', async (lie, unreadable) => {
    neighbours.switches['driver-profiles'].lie = lie;
    neighbours.switches['driver-categories'].lie = lie;
    await steps.all(2);
    expect((await mirror()).rows.map((row) => row['person'])).toEqual(['x-a', 'x-b', 'x-c']);
    expect(await steps.counted('profiles', 'unreadable')).toBe(unreadable);
    expect(await steps.counted('categories', 'unreadable')).toBe(unreadable);
  });

  test('stuck: always more and never on; it is not asked at once again, and is not taken for complete', async () => {
    neighbours.switches['driver-profiles'].lie = 'stuck';
    await steps.profiles();
    expect(await steps.profiles()).toBe('idle');
    expect(await steps.counted('profiles', 'stuck')).toBeGreaterThan(0);
    expect((await mirror()).streams).toMatchObject([{ complete: false, confirmed: false }]);
  });

  test('html: an error, and nothing changes', async () => {
    neighbours.switches['driver-profiles'].lie = 'html';
    await expect(steps.profiles()).rejects.toMatchObject({ code: 'NOT_JSON' });
    expect((await mirror()).rows).toEqual([]);
  });
});
