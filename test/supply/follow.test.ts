import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { openRandom } from '../../simulator/random.ts';
import { inTransaction } from '../../src/store/database.ts';
import { writeCategories } from '../../src/store/mirror-categories.ts';
import { EVERYBODY, NOBODY, type Rule } from '../../verdict/verdict.ts';
import { HOUR, INSIDE, MINUTE, OUTSIDE, openSupplyWorld, policyOf, START, type SupplyWorld, shown } from './world.ts';

const signal = new AbortController().signal;

/** Both regions as somebody says who counts everybody anew. */
async function countedAnew(world: SupplyWorld) {
  await using other = world.open('other');
  await other.round();
  return [shown(await world.figures('moscow')), shown(await world.figures('tver'))];
}

async function compare(world: SupplyWorld, supply: ReturnType<SupplyWorld['open']>) {
  await supply.round();
  const kept = [shown(await world.figures('moscow')), shown(await world.figures('tver'))];
  // Whoever asks next is the leader.
  await sql`update deptrans.leaders set expires_at = deptrans.now() where name = 'supply'`.execute(world.db);
  expect(kept).toEqual(await countedAnew(world));
  return kept;
}

test.each([1, 2])('whatever happens, what is kept equals what is counted anew (%i)', async (seed) => {
  await using world = await openSupplyWorld();
  const random = openRandom(`supply/${seed}`);
  const people = Array.from({ length: 8 }, (_, no) => `person-${no}`);
  const keys = people.flatMap((_, no) => [`p${no % 3}/${no}a`, `p${no % 2}/${no}b`]);
  for (const [no, person] of people.entries()) await world.profile(keys[2 * no]!, person, ['econom', 'business']);
  for (const key of keys) world.places.set(key, random.chance(0.7) ? INSIDE : OUTSIDE);
  const rule = (more: Partial<Rule>): Rule => ({
    check: random.chance(0.5) ? 'deptrans_id' : 'session',
    categories: random.chance(0.3) ? ['econom'] : [],
    mode: 'block',
    from: 0,
    share: EVERYBODY,
    include: NOBODY,
    exclude: NOBODY,
    graceMs: 0,
    ...more,
  });
  const acts: (() => unknown)[] = [
    () => world.status(random.pick(keys), random.pick(['online', 'busy', 'offline'] as const)),
    () => world.status(random.pick(keys), 'online'),
    () => world.profile(random.pick(keys), random.pick(people), null),
    () => world.profile(random.pick(keys), random.pick([...people, null]), null, random.chance(0.2)),
    () => world.tariffs(random.pick(keys), random.pick([[], ['econom'], ['business', 'econom'], ['ultima']])),
    () => world.bind(random.pick(people), random.chance(0.3) ? null : String(random.int(20) + 1)),
    () =>
      world.session(
        random.pick(people),
        random.pick(['issued', 'online', 'online', 'finished', 'unrecognised', null] as const),
        random.chance(0.8) ? world.now() + random.int(3 * HOUR) - HOUR : null,
        random.pick(['moscow', 'tver', null]),
      ),
    () => world.advance(random.int(HOUR)),
    () => {
      const graceMs = random.pick([0, HOUR]);
      const share = random.pick([EVERYBODY, 3_000]);
      const from = random.pick([0, world.now() + 30 * MINUTE]);
      const rules = [rule({ graceMs, share }), rule({ from })];
      world.enforce(policyOf({ moscow: { rules, endsSoonMs: random.pick([0, HOUR]) } }));
    },
  ];
  await using supply = world.open('one');
  await supply.round();
  let counted = 0;
  for (let turn = 0; turn < 12; turn += 1) {
    for (let act = 0; act < 8; act += 1) await random.pick(acts)();
    // Whoever counts anew asks where everybody is: so does the one who has counted, once enough time is over.
    await world.advance(2 * MINUTE + 1);
    const [moscow] = await compare(world, supply);
    counted += Number(moscow!['any']?.split(' ')[0] ?? 0);
  }
  expect(counted).toBeGreaterThan(12);
});

test('a change that commits after later ones were read is not missed', async () => {
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  for (const key of ['p1/ann', 'p1/bob']) {
    await world.profile(key, key);
    await world.status(key, 'online');
    world.places.set(key, INSIDE);
  }
  await supply.round();
  const written = Promise.withResolvers<void>();
  const commit = Promise.withResolvers<void>();
  const slow = inTransaction(world.db, async (tx) => {
    await writeCategories(tx, [{ parkId: 'p1', driverId: 'ann', categories: [] }], {
      changeNo: 1,
      touch: false,
      quiet: false,
    });
    written.resolve();
    await commit.promise;
  });
  await written.promise;
  await world.status('p1/bob', 'offline');
  await supply.round();
  expect(shown(await world.figures())['any']).toBe('1 1 0 0 i:no_id=1/0 s:no_session=1/0');
  commit.resolve();
  await slow;
  await supply.round();
  expect(shown(await world.figures())).toEqual({});
});

test.each([
  ['a rule begins', { from: START + 4 * HOUR, graceMs: 0 }, 4],
  ['grace runs out', { from: 0, graceMs: 5 * HOUR }, 5],
])(
  'what happens by itself is seen without any change in the database: a shift ends, %s',
  async (_, more, blockedAt) => {
    await using world = await openSupplyWorld();
    await using supply = world.open('one');
    await world.profile('p1/ann', 'ann');
    world.places.set('p1/ann', INSIDE);
    await world.bind('ann', '1');
    await world.session('ann', 'online', START + 3 * HOUR);
    await world.status('p1/ann', 'online');
    await world.advance(-1);
    const all = { categories: [], mode: 'block', share: EVERYBODY, include: NOBODY, exclude: NOBODY } as const;
    world.enforce(policyOf({ moscow: { endsSoonMs: HOUR, rules: [{ ...all, check: 'session', ...more }] } }));
    const seen: [number, string][] = [];
    for (let hour = 0; hour <= 6; hour += 0.5) {
      await supply.round();
      const now = shown(await world.figures())['any'] ?? '';
      if (now !== seen.at(-1)?.[1]) seen.push([hour, now]);
      await world.advance(HOUR / 2);
    }
    expect(seen).toEqual([
      [0, '1 0 0 0 i:ok=1/0 s:ok=1/0'],
      [2, '1 0 0 0 i:ok=1/0 s:session_ends_soon=1/0'],
      [3, '1 1 0 0 i:ok=1/0 s:session_ended=1/0'],
      [blockedAt, '1 1 0 1 i:ok=1/0 s:session_ended=1/1'],
    ]);
  },
);

test.each([
  ['the log of changes was cut off', sql`delete from deptrans.supply_changes`],
  ['the database is another one', sql`update deptrans.feed_state set epoch_no = epoch_no + 1`],
  [
    'the first load of a neighbour has ended',
    sql`insert into deptrans.mirror_streams (stream, complete) values ('categories', true)`,
  ],
])('who has lost its place counts everybody anew: %s', async (what, sabotage) => {
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  await world.profile('p1/ann', 'ann');
  world.places.set('p1/ann', INSIDE);
  await supply.round();
  await world.status('p1/ann', 'online');
  await sql`delete from deptrans.supply_changes`.execute(world.db);
  await sabotage.execute(world.db);
  if (what.includes('cut off')) await world.advance(11 * MINUTE);
  await supply.round();
  expect(shown(await world.figures())['any']).toBe('1 1 0 0 i:no_id=1/0 s:no_session=1/0');
});

test('of two instances one counts, and the other goes on when it is gone; who was replaced writes nothing', async () => {
  await using world = await openSupplyWorld();
  await using one = world.open('one');
  await using two = world.open('two');
  await world.profile('p1/ann', 'ann');
  world.places.set('p1/ann', INSIDE);
  await world.status('p1/ann', 'online');
  await one.round();
  await two.round();
  expect([one.census()?.size, two.census()]).toEqual([1, null]);
  expect(await two.metricsText()).not.toContain('deptrans_supply_connected{');
  await sql`update deptrans.leaders set expires_at = deptrans.now() where name = 'supply'`.execute(world.db);
  await two.round();
  expect(two.census()?.size).toBe(1);
  await world.status('p1/ann', 'offline');
  await two.round();
  const written = await world.figures();
  await one.runOnce(signal);
  expect(one.census()).toBeNull();
  expect(await world.figures()).toEqual(written);
  expect(shown(written)).toEqual({});
  expect(await two.metricsText()).toContain('deptrans_supply_connected{region="moscow",category=""} 0');
});
