import { expect, test } from 'vitest';
import { openRandom } from '../../simulator/random.ts';
import { readSupplyHistory } from '../../src/store/supply-figures.ts';
import type { Preview, RegionFigures } from '../../src/supply/supply.ts';
import { EVERYBODY, NOBODY, type Policy, type Rule } from '../../verdict/verdict.ts';
import { openPreviewsIn } from './previews-in.ts';
import { HOUR, INSIDE, MINUTE, openSupplyWorld, policyOf, type SupplyWorld, shown } from './world.ts';

const signal = new AbortController().signal;
const block: Rule = {
  check: 'session',
  categories: [],
  mode: 'block',
  from: 0,
  share: EVERYBODY,
  include: NOBODY,
  exclude: NOBODY,
  graceMs: 0,
};
const blocking = (...rules: Partial<Rule>[]): Policy =>
  policyOf({ moscow: { rules: rules.map((rule) => ({ ...block, ...rule })) } });

const POLICIES: [string, Policy][] = [
  ['everybody', blocking({})],
  ['a third of the people, and a park', blocking({ share: 3_333, include: { parks: ['p1'], people: [] } })],
  ['by one tariff, after an hour of grace', blocking({ categories: ['econom'], graceMs: HOUR })],
  ['but for a park and a person', blocking({ exclude: { parks: ['p0'], people: ['person-4'] } })],
  ['by the id alone', blocking({ check: 'deptrans_id', share: 5_000 })],
  ['nobody', blocking({ mode: 'warn' })],
];

/** People of three parks, half of whom have something wrong. */
async function fill(world: SupplyWorld, people: number) {
  for (let no = 0; no < people; no++) {
    const key = `p${no % 3}/d${no}`;
    world.places.set(key, INSIDE);
    await world.profile(key, `person-${no}`, no % 2 ? ['econom'] : ['business', 'econom']);
    await world.status(key, 'online');
    if (no % 4 > 0) await world.bind(`person-${no}`, String(no + 1));
    if (no % 4 > 1) await world.session(`person-${no}`, 'online', world.now() + 8 * HOUR);
  }
}

test('of now it says what is so once the policy is in force', async () => {
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  await fill(world, 40);
  await supply.round();
  await using previews = openPreviewsIn(world, supply);
  const lost = new Set<number>();
  for (const [name, policy] of POLICIES) {
    const asked = { ...policy, regions: policy.regions.map(withDates) };
    const preview = await previews.ask(asked, signal);
    world.enforce(policyOf());
    await supply.round();
    world.enforce(policy);
    await supply.round();
    expect(shown(of(preview).now), name).toEqual(shown(await world.figures()));
    lost.add(of(preview).now[0]!.blocked.people);
    world.enforce(policyOf());
  }
  expect(lost.size).toBeGreaterThan(4);
});

test('some of those who would be blocked are named, with the reason, and nobody else', async () => {
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  await fill(world, 40);
  await supply.round();
  await using previews = openPreviewsIn(world, supply);
  const { profiles } = of(await previews.ask(blocking({ include: { parks: ['p1'], people: [] }, share: 0 }), signal));
  const expected = Array.from({ length: 40 }, (_, no) => no).filter((no) => no % 3 === 1 && no % 4 < 2);
  expect(profiles.map(({ driverId }) => driverId).sort()).toEqual(expected.map((no) => `d${no}`).sort());
  for (const { parkId, verdicts } of profiles) {
    expect(parkId).toBe('p1');
    expect(verdicts).toMatchObject([{ mode: 'observe' }, { check: 'session', mode: 'block', rule: 0 }]);
  }
});

test('an instance that does not count is answered by the one that does, and by nobody if there is none', async () => {
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  await fill(world, 8);
  await supply.round();
  await using counts = openPreviewsIn(world, supply);
  await using asks = openPreviewsIn(world, { census: () => null });
  let over = false;
  const answering = (async () => {
    while (!over) await counts.runOnce();
  })();
  const answer = await asks.ask(blocking({}), signal);
  over = true;
  await answering;
  expect(shown(of(answer).now)).toEqual(shown(of(await counts.ask(blocking({}), signal)).now));
  const gone = new AbortController();
  gone.abort();
  expect(await asks.ask(blocking({}), gone.signal)).toBeNull();
});

/** Hours of a small city in which people come, bind, work and go; the same for the same seed. Ends with everybody at home and unbound. */
async function day(world: SupplyWorld, rounds: () => Promise<void>, hours: number, people: number) {
  const random = openRandom('preview/day');
  for (let no = 0; no < people; no++) world.places.set(`p${no % 3}/d${no}`, INSIDE);
  for (let minute = 0; minute < hours * 60; minute++) {
    for (let n = 0; n < 2; n++) {
      const no = random.int(people);
      const [key, person] = [`p${no % 3}/d${no}`, `person-${no}`];
      const what = random.int(5);
      const endsAt = world.now() + random.int(2 * HOUR);
      if (what < 2) await world.status(key, random.chance(0.8) ? 'online' : 'offline');
      else if (what === 2) await world.bind(person, random.chance(0.7) ? String(no + 1) : null);
      else await world.session(person, random.chance(0.7) ? 'online' : 'finished', endsAt);
    }
    await world.advance(MINUTE - (world.now() % MINUTE));
    await rounds();
  }
  for (let no = 0; no < people; no++) {
    await world.status(`p${no % 3}/d${no}`, 'offline');
    await world.bind(`person-${no}`, null);
    await world.session(`person-${no}`, null);
  }
}

test('of the past it says what happens when the city repeats it under the policy, within 0.5 % of the connected', async () => {
  const [HOURS, PEOPLE] = [2, 40];
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  for (let no = 0; no < PEOPLE; no++)
    await world.profile(`p${no % 3}/d${no}`, `person-${no}`, [no % 4 ? 'econom' : 'business']);
  await supply.round();
  await using previews = openPreviewsIn(world, supply);
  const observe = async () => {
    await supply.round();
    await previews.runOnce();
  };
  await day(world, observe, HOURS, PEOPLE);
  const policy = blocking(
    { share: 3_333, include: { parks: ['p1'], people: [] } },
    { check: 'deptrans_id', categories: ['econom'], share: 6_000, graceMs: HOUR },
  );
  const { past } = of(await previews.ask(policy, signal));
  world.enforce(policy);
  const from = world.now();
  await day(world, () => supply.round(), HOURS, PEOPLE);
  const minutes = await readSupplyHistory(world.db, { region: 'moscow', step: 'minute', from, to: world.now() });
  const sum = (category: string, what: 'connected' | 'blocked') =>
    minutes.reduce((ms, { figures }) => ms + (named(figures as RegionFigures, category)?.[what].ms ?? 0), 0);
  for (const category of ['', 'econom', 'business']) {
    const { blocked, connected } = named(past, category)!;
    const said = blocked.ms / connected.ms;
    const happened = sum(category, 'blocked') / sum(category, 'connected');
    expect(Math.abs(said - happened), `${category || 'any'}: ${said} said, ${happened} happened`).toBeLessThan(0.005);
    expect(happened).toBeGreaterThan(0.05);
  }
});

const of = (preview: Preview | null) => preview!.regions.find(({ region }) => region === 'moscow')!;
const named = (figures: RegionFigures, name: string) => figures.find(({ category }) => category === name);
const withDates = <R extends { rules: readonly Rule[] }>(region: R): R => ({
  ...region,
  rules: region.rules.map((rule) => ({ ...rule, from: Number.MAX_SAFE_INTEGER })),
});
