import { expect, test, vi } from 'vitest';
import { openTestDatabase } from '../support/database.ts';
import { openFeedApi } from '../support/feed/api.ts';
import { PATIENCE } from '../support/feed/open-test-feed.ts';
import { openRandom } from '../support/feed/random.ts';
import { addPeople, moveProfiles, setBindings, setSessions } from '../support/feed/world.ts';
import { expectExact, openTestCache, untilBeats, untilMetric } from './support.ts';

test('the copy is exact while writers write, also what moves, goes and has unknown words', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 120, 2);
  await setSessions(db, people.slice(0, 80));
  await using api = await openFeedApi(db);
  await using cache = await openTestCache([api.url]);

  const writer = async (seed: number) => {
    const random = openRandom(seed);
    const mine = people.filter((person) => person % 3 === seed);
    for (let i = 0; i < 40; i++) {
      const some = mine.slice(random.int(mine.length)).slice(0, 1 + random.int(8));
      const roll = random.int(10);
      if (roll < 4)
        await setSessions(db, some, { region: ['moscow', 'tver', null][random.int(3)]!, endsInMs: random.int(9_000) });
      else if (roll < 5) await setSessions(db, some, { status: 'unrecognised', raw: `СЛОВО-${i}`, endsInMs: null });
      else if (roll < 6) await setSessions(db, some, { deleted: true });
      else if (roll < 8) await setBindings(db, some, ['bound', 'unbound', 'recheck', 'rejected'][random.int(4)]);
      else await moveProfiles(db, some[0]!, [some.at(-1)!, null][random.int(2)]!, random.chance(0.2));
    }
  };
  await Promise.all([writer(0), writer(1), writer(2)]);
  await expectExact(cache, db);
  await untilBeats(cache);
  await vi.waitFor(() => expect(cache.state).toBe('current'), PATIENCE);
  expect(cache.metrics()).toMatchObject({
    ids_mismatches_total: 0,
    statuses_mismatches_total: 0,
    ids_violations_total: 0,
    statuses_violations_total: 0,
    ids_snapshots_total: 1,
    statuses_snapshots_total: 1,
  });
});

test('when its instance goes it resumes on another, from its cursor', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 30);
  await setSessions(db, people);
  const first = await openFeedApi(db);
  await using second = await openFeedApi(db, { instance: 'test-2' });
  const states: string[] = [];
  const chance = vi.spyOn(Math, 'random').mockReturnValue(0); // begins with the first
  await using cache = await openTestCache([first.url, second.url], { onState: (state) => states.push(state) });
  chance.mockRestore();
  await vi.waitFor(() => expect(cache.state).toBe('current'), PATIENCE);
  states.length = 0;
  await first[Symbol.asyncDispose]();
  await setBindings(db, people.slice(0, 7));
  await setSessions(db, people.slice(3, 9), { region: 'tver' });
  await expectExact(cache, db);
  expect(cache.metrics()).toMatchObject({ ids_snapshots_total: 1, statuses_snapshots_total: 1, ids_resets_total: 0 });
  await vi.waitFor(() => expect(cache.state).toBe('current'), PATIENCE);
  expect(states[0]).toBe('detached');
  expect(new Set(states)).toEqual(new Set(['detached', 'current']));
});

test('a reset is taken in beside what is held, which is shown until the snapshot is whole', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 50);
  await setSessions(db, people);
  await using api = await openFeedApi(db);
  await using cache = await openTestCache([api.url]);
  await cache.ready();
  const seen: (number | undefined)[] = [];
  const watching = setInterval(() => seen.push(cache.size), 1);
  await db
    .updateTable('deptrans.feed_state')
    .set((eb) => ({ epoch_no: eb('epoch_no', '+', 1) }))
    .execute();
  await moveProfiles(db, people[0]!, null, true);
  await untilMetric(cache, 'ids_snapshots_total', 2);
  await untilMetric(cache, 'statuses_snapshots_total', 2);
  clearInterval(watching);
  await expectExact(cache, db);
  expect(cache.metrics()).toMatchObject({ ids_resets_total: 1, statuses_resets_total: 1 });
  expect(Math.min(...seen.map(Number))).toBeGreaterThanOrEqual(49);
});
