import { expect, test } from 'vitest';
import { openRandom } from '../../simulator/random.ts';
import { readSupplyHistory } from '../../src/store/supply-figures.ts';
import { readOpenIntervals, readSupplyIntervals, type SupplyInterval } from '../../src/store/supply-intervals.ts';
import type { RegionFigures } from '../../src/supply/supply.ts';
import { OUTCOME_OF, type Reason } from '../../verdict/verdict.ts';
import { HOUR, INSIDE, MINUTE, OUTSIDE, openSupplyWorld, START, type SupplyWorld } from './world.ts';

/** Every interval of Moscow, page by page; those that last end at `end`. */
async function intervalsOf({ db }: SupplyWorld, end: number): Promise<(SupplyInterval & { to: number })[]> {
  const all: SupplyInterval[] = [];
  const asked = { region: 'moscow', from: START, to: end, limit: 7 };
  for (
    let page = await readSupplyIntervals(db, asked);
    ;
    page = await readSupplyIntervals(db, { ...asked, after: page.next })
  ) {
    all.push(...page.intervals);
    if (!page.next) break;
  }
  for (let after = -1_000; ; after = all.at(-1)!.no) {
    const page = await readOpenIntervals(db, { region: 'moscow', limit: 2, after });
    all.push(...page);
    if (page.length < 2) break;
  }
  return all.map((interval) => ({ ...interval, to: interval.to ?? end }));
}

const fails = ({ deptransId, session }: SupplyInterval) =>
  [deptransId, session].some((reason) => OUTCOME_OF[reason as Reason] === 'fail');

/** For how many ms in all somebody was so between two moments. */
function overlap(intervals: readonly (SupplyInterval & { to: number })[], from: number, to: number): number {
  return intervals.reduce(
    (sum, interval) => sum + Math.max(0, Math.min(interval.to, to) - Math.max(interval.at, from)),
    0,
  );
}

test.each([1, 2])(
  'each minute of the history is what the recorded intervals add up to, through changes of the leader (%i)',
  async (seed) => {
    await using world = await openSupplyWorld({ maxSilenceMs: HOUR });
    const random = openRandom(`past/${seed}`);
    const people = Array.from({ length: 6 }, (_, no) => `person-${no}`);
    const keys = people.map((_, no) => `p${no % 3}/${no}`);
    for (const [no, person] of people.entries()) {
      await world.profile(keys[no]!, person);
      world.places.set(keys[no]!, random.chance(0.8) ? INSIDE : OUTSIDE);
      if (random.chance(0.6)) await world.bind(person, String(no + 1));
    }
    const acts: (() => unknown)[] = [
      () => world.status(random.pick(keys), 'offline'),
      () => world.status(random.pick(keys), 'online'),
      () => world.status(random.pick(keys), 'online'),
      () => world.bind(random.pick(people), random.chance(0.4) ? null : String(random.int(20) + 1)),
      () =>
        world.session(
          random.pick(people),
          random.pick(['online', 'online', 'finished', 'unrecognised'] as const),
          world.now() + random.int(HOUR / 2),
        ),
      () => world.profile(random.pick(keys), random.pick([...people, null]), null),
    ];
    let leader = world.open('one');
    for (let turn = 0; turn < 60; turn += 1) {
      if (random.chance(0.6)) await random.pick(acts)();
      await world.advance(random.int(2 * MINUTE));
      await leader.round();
      if (turn % 25 !== 24) continue;
      await leader[Symbol.asyncDispose]();
      await world.advance(random.int(MINUTE));
      leader = world.open(`after-${turn}`);
    }
    await world.advance(MINUTE);
    await leader.round();
    await leader[Symbol.asyncDispose]();
    const minutes = await readSupplyHistory(world.db, {
      region: 'moscow',
      step: 'minute',
      from: START,
      to: world.now(),
    });
    const intervals = await intervalsOf(world, world.now());
    const whole = minutes.filter(({ coveredMs }) => coveredMs === MINUTE);
    expect(whole.length).toBeGreaterThan(40);
    const seen: number[] = [];
    for (const { at, figures } of whole) {
      const [any] = figures as RegionFigures;
      const [from, to] = [at.getTime(), at.getTime() + MINUTE];
      const failing = intervals.filter(fails);
      expect([at, any!.failing.ms]).toEqual([at, overlap(failing, from, to)]);
      expect([at, any!.failing.ms + any!.unknown.ms]).toEqual([at, overlap(intervals, from, to)]);
      expect(any!.failing.people).toBe(failing.filter((interval) => interval.at <= to && to < interval.to).length);
      seen.push(any!.failing.ms);
    }
    expect(new Set(seen).size).toBeGreaterThan(5);
  },
);

test('an interval says by what facts somebody was judged, and another begins with other facts', async () => {
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  await world.profile('p1/ann', 'ann', ['business', 'econom', 'ultima']);
  world.places.set('p1/ann', INSIDE);
  await world.status('p1/ann', 'online');
  await supply.round();
  const began = world.now();
  await world.advance(MINUTE);
  await world.bind('ann', '1');
  await supply.round();
  await world.advance(MINUTE);
  await world.session('ann', 'online', began + HOUR);
  await supply.round();
  const common = { person: 'ann', region: 'moscow', profiles: [['p1', 'ann', ['business', 'econom'], true]] };
  expect(await intervalsOf(world, world.now())).toMatchObject([
    {
      ...common,
      at: began,
      to: began + MINUTE,
      deptransId: 'no_id',
      session: 'no_session',
      binding: 'unbound',
      boundAt: null,
      sessionStatus: null,
    },
    {
      ...common,
      at: began + MINUTE,
      to: began + 2 * MINUTE,
      deptransId: 'ok',
      session: 'no_session',
      binding: 'bound',
      boundAt: began + MINUTE,
    },
  ]);
  for (let minute = 0; minute < 60; minute += 5) {
    await world.advance(5 * MINUTE);
    await supply.round();
  }
  expect((await intervalsOf(world, world.now())).at(-1)).toMatchObject({
    at: began + HOUR,
    to: world.now(),
    session: 'session_ended',
    sessionStatus: 'online',
    sessionEndedAt: began + HOUR,
  });
});

test('hours are made of minutes once, also of those that were over while nobody counted', async () => {
  await using world = await openSupplyWorld();
  await world.profile('p1/ann', 'ann');
  world.places.set('p1/ann', INSIDE);
  await world.status('p1/ann', 'online');
  for (const instance of ['one', 'two']) {
    await using supply = world.open(instance);
    for (let minute = 0; minute <= 40; minute += 1) {
      await supply.round();
      await world.advance(MINUTE);
    }
  }
  await using last = world.open('three');
  await world.advance(HOUR);
  await last.round();
  const hours = await readSupplyHistory(world.db, { step: 'hour', region: 'moscow', from: START, to: world.now() });
  expect(hours.map(({ at, coveredMs }) => [(at.getTime() - START) / HOUR, coveredMs])).toEqual([
    [0, HOUR - MINUTE - 1],
    [1, 21 * MINUTE + 1],
  ]);
  expect(hours.map(({ figures }) => (figures as RegionFigures)[0]!.failing.ms)).toEqual([
    HOUR - MINUTE - 1,
    21 * MINUTE + 1,
  ]);
});
