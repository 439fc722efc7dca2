import { sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ProfileUpdate } from '../../src/clients/profiles.ts';
import type { Updates } from '../../src/clients/updates.ts';
import { profilesStream } from '../../src/mirror/profiles.ts';
import { stepStream } from '../../src/mirror/stream.ts';
import { lead } from '../../src/store/leaders.ts';
import { bindPeople, never, readMirror, useMirror } from './support.ts';

const world = useMirror();
const mirror = () => readMirror(world.db);
const profile = (name: string) => ({ parkId: 'p', driverId: name });

describe('a former leader', () => {
  const page = (person: string, revision: string): Updates<ProfileUpdate> => ({
    rows: [{ ...profile('a'), person, deleted: false }],
    unreadable: 0,
    revision,
    hasMore: false,
  });
  const stepOf = (updates: () => Promise<Updates<ProfileUpdate>>, term: number) =>
    stepStream(
      { db: world.db, pageLimit: 10, leadership: 'mirror', counted: world.steps.counter },
      profilesStream({ updates }),
      term,
      never,
    );

  test('writes nothing once another leads', async () => {
    const term = (await lead(world.db, 'mirror', 'zombie', 1))!;
    await sql`update deptrans.leaders set expires_at = deptrans.now() - interval '1 s'`.execute(world.db);
    expect(await lead(world.db, 'mirror', 'other', 60_000)).toBe(term + 1);
    await stepOf(() => Promise.resolve(page('old', 'r1')), term);
    expect((await mirror()).rows).toEqual([]);
  });

  test('with a page that was asked for before somebody else went on, writes nothing', async () => {
    const term = (await lead(world.db, 'mirror', 'me', 60_000))!;
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

describe('a change of licence', () => {
  test('is noted by who leads, and by no former leader', async () => {
    world.neighbours.data.putProfile(profile('a'), 'ann');
    await world.steps.all();
    await bindPeople(world.db, { ann: '7' });
    const changes = async () => (await sql`select former from deptrans.licence_changes`.execute(world.db)).rows;
    const term = (await lead(world.db, 'mirror', 'me', 600_000))!;
    world.neighbours.data.putProfile(profile('a'), 'ann again');
    const parts = { db: world.db, pageLimit: 10, leadership: 'mirror', counted: world.steps.counter };
    await stepStream(parts, profilesStream(world.clients.profiles), term - 1, never);
    expect(await changes()).toEqual([]);
    await stepStream(parts, profilesStream(world.clients.profiles), term, never);
    expect(await changes()).toEqual([{ former: 'ann' }]);
  });
});

describe('a neighbour that lies', () => {
  beforeEach(() => {
    for (const name of ['a', 'b', 'c']) {
      world.neighbours.data.putProfile(profile(name), `x-${name}`);
      world.neighbours.data.putCategories(profile(name), ['econom', 'no such tariff']);
    }
  });

  test.each([
    ['repeats', 0],
    ['wrongTypes', 2],
    ['emptyIds', 2],
  ] as const)('%s: what can be understood is taken, the rest is counted', async (lie, unreadable) => {
    world.neighbours.switches['driver-profiles'].lie = lie;
    world.neighbours.switches['driver-categories'].lie = lie;
    await world.steps.all(2);
    expect((await mirror()).rows.map((row) => row['person'])).toEqual(['x-a', 'x-b', 'x-c']);
    expect(await world.steps.counted('profiles', 'unreadable')).toBe(unreadable);
    expect(await world.steps.counted('categories', 'unreadable')).toBe(unreadable);
    expect((await world.steps.counted('profiles', 'repeated')) > 0).toBe(lie === 'repeats');
    // A tariff that no region lists is no lie: it is kept as it is.
    expect((await mirror()).rows[0]).toMatchObject({ categories: ['econom', 'no such tariff'] });
  });

  test('backwards: the revision goes back; nothing changes, it is counted and not hurried', async () => {
    await world.steps.all(1);
    world.neighbours.switches['driver-profiles'].lie = 'backwards';
    world.neighbours.switches['driver-categories'].lie = 'backwards';
    const before = (await mirror()).rows;
    for (let i = 0; i < 3; i++) {
      expect(await world.steps.profiles(1)).toBe('idle');
      expect(await world.steps.categories(1)).toBe('idle');
    }
    expect((await mirror()).rows).toEqual(before);
    expect(await world.steps.counted('profiles', 'went_back')).toBeGreaterThan(0);
    world.neighbours.switches['driver-profiles'].lie = null;
    world.neighbours.data.putProfile(profile('a'), 'x-new');
    await world.steps.all(1);
    expect((await mirror()).rows[0]).toMatchObject({ person: 'x-new' });
  });

  test('stuck: always more and never on; it is not asked at once again, and is not taken for complete', async () => {
    world.neighbours.switches['driver-profiles'].lie = 'stuck';
    await world.steps.profiles();
    expect(await world.steps.profiles()).toBe('idle');
    expect(await world.steps.counted('profiles', 'stuck')).toBeGreaterThan(0);
    expect((await mirror()).streams).toMatchObject([{ complete: false, confirmed: false }]);
  });

  test('html: an error, and nothing changes', async () => {
    world.neighbours.switches['driver-profiles'].lie = 'html';
    await expect(world.steps.profiles()).rejects.toMatchObject({ code: 'NOT_JSON' });
    expect((await mirror()).rows).toEqual([]);
  });
});
