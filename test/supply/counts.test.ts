import { expect, test } from 'vitest';
import { unplaced } from '../../src/supply/readings.ts';
import { EVERYBODY, NOBODY, type Rule } from '../../verdict/verdict.ts';
import { HOUR, IN_TVER, INSIDE, MINUTE, OUTSIDE, openSupplyWorld, policyOf, START, shown } from './world.ts';

const block: Rule = {
  check: 'deptrans_id',
  categories: [],
  mode: 'block',
  from: 0,
  share: EVERYBODY,
  include: NOBODY,
  exclude: NOBODY,
  graceMs: 0,
};

test('a person counts by what the checks say of it, once in each of its tariffs', async () => {
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  await world.profile('p1/ann', 'ann', ['business', 'econom', 'ultima']);
  await world.profile('p1/bob', 'bob');
  await world.profile('p1/cat', 'cat');
  await world.profile('p2/cat', 'cat', ['business']);
  await world.profile('p1/dan', null);
  await world.profile('p1/eve', 'eve', ['ultima']);
  await world.profile('p1/fay', 'fay');
  for (const driver of ['ann', 'bob', 'cat', 'dan', 'eve']) await world.status(`p1/${driver}`, 'online');
  await world.status('p2/cat', 'busy');
  for (const key of ['p1/ann', 'p1/bob', 'p1/cat', 'p2/cat', 'p1/dan', 'p1/eve']) world.places.set(key, INSIDE);
  await world.bind('ann', '1');
  await world.session('ann', 'online', START + 8 * HOUR);
  await world.bind('bob', '2');
  await supply.round();
  expect(shown(await world.figures())).toEqual({
    any: '4 2 1 0 i:no_id=1/0 i:ok=2/0 i:person_unknown=1/0 s:no_session=2/0 s:ok=1/0 s:person_unknown=1/0',
    business: '2 1 0 0 i:no_id=1/0 i:ok=1/0 s:no_session=1/0 s:ok=1/0',
    econom: '4 2 1 0 i:no_id=1/0 i:ok=2/0 i:person_unknown=1/0 s:no_session=2/0 s:ok=1/0 s:person_unknown=1/0',
  });
  expect(shown(await world.figures('tver'))).toEqual({});
});

test('a policy blocks whom it says, and of two profiles the milder counts', async () => {
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  await world.profile('p1/ann', 'ann', ['business', 'econom']);
  await world.profile('p1/bob', 'bob');
  await world.profile('p2/bob', 'bob');
  for (const key of ['p1/ann', 'p1/bob', 'p2/bob']) {
    world.places.set(key, INSIDE);
    await world.status(key, 'online');
  }
  const exclude = { parks: ['p2'], people: [] };
  world.enforce(policyOf({ moscow: { rules: [{ ...block, categories: ['econom'], exclude }] } }));
  await supply.round();
  // Ann still gets orders by business; Bob through p2.
  expect(shown(await world.figures())).toMatchObject({
    any: expect.stringMatching(/^2 2 0 0 /),
    econom: expect.stringMatching(/^2 2 0 1 /),
  });
  world.enforce(policyOf({ moscow: { rules: [{ ...block, exclude }] } }));
  await supply.round();
  expect(shown(await world.figures())).toMatchObject({
    any: expect.stringMatching(/^2 2 0 1 /),
    business: expect.stringMatching(/^1 1 0 1 /),
  });
  await world.status('p2/bob', 'offline');
  await supply.round();
  expect(shown(await world.figures())['any']).toBe('2 2 0 2 i:no_id=2/2 s:no_session=2/0');
  world.enforce(policyOf({ moscow: { rules: [block] } }, { suspended: true }));
  await supply.round();
  expect(shown(await world.figures())['any']).toBe('2 2 0 0 i:no_id=2/0 s:no_session=2/0');
});

test('a person counts where its open shift was judged, else where it was found, else where its last shift was judged', async () => {
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  const where = async () => {
    await supply.round();
    const found = [];
    for (const region of ['moscow', 'tver']) if (shown(await world.figures(region))['any']) found.push(region);
    return found.join(' ');
  };
  await world.profile('p1/ann', 'ann');
  await world.status('p1/ann', 'online');
  expect(await where()).toBe('');
  expect(unplaced(supply.census()!, world.now())).toBe(1);
  await world.session('ann', 'finished', null, 'tver');
  expect(await where()).toBe('tver');
  world.places.set('p1/ann', INSIDE);
  await world.advance(2 * MINUTE + 1);
  expect(await where()).toBe('moscow');
  await world.session('ann', 'online', START + HOUR, 'tver');
  expect(await where()).toBe('tver');
  world.places.set('p1/ann', OUTSIDE);
  await world.advance(HOUR);
  expect(await where()).toBe('');
  world.places.set('p1/ann', IN_TVER);
  await world.advance(2 * MINUTE + 1);
  expect(await where()).toBe('tver');
  world.trackstory.away = true;
  await world.advance(2 * MINUTE + 1);
  await expect(supply.findPlaces(new AbortController().signal)).rejects.toThrow('away');
  await supply.runOnce(new AbortController().signal);
  expect(shown(await world.figures('tver'))['any']).toBe('1 1 0 0 i:no_id=1/0 s:session_ended=1/0');
  world.trackstory.away = false;
  world.places.set('p1/ann', { ...IN_TVER, at: START - HOUR });
  await world.session('ann', null);
  expect(await where()).toBe('');
  expect(unplaced(supply.census()!, world.now())).toBe(1);
});

test('nobody counts who is silent, offline, deleted, or works by no listed tariff', async () => {
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  const connected = async () => {
    await supply.round();
    return Number(shown(await world.figures())['any']?.split(' ')[0] ?? 0);
  };
  await world.profile('p1/ann', 'ann');
  world.places.set('p1/ann', INSIDE);
  await world.status('p1/ann', 'online');
  expect(await connected()).toBe(1);
  await world.tariffs('p1/ann', ['ultima']);
  expect(await connected()).toBe(0);
  await world.tariffs('p1/ann', ['business']);
  expect(await connected()).toBe(1);
  await world.status('p1/ann', 'offline');
  expect(await connected()).toBe(0);
  await world.status('p1/ann', 'busy');
  expect(await connected()).toBe(1);
  await world.profile('p1/ann', null, null, true);
  expect(await connected()).toBe(0);
  await world.profile('p1/ann', 'new', null);
  expect(await connected()).toBe(1);
  await world.advance(24 * HOUR);
  expect(await connected()).toBe(1);
  await world.advance(1);
  expect(await connected()).toBe(0);
  await world.status('p1/ann', 'online');
  expect(await connected()).toBe(1);
});

test('where a region has stepped back nobody is blocked, and its readings still say who would be', async () => {
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  await world.profile('p1/ann', 'ann');
  await world.profile('p1/dan', null);
  for (const key of ['p1/ann', 'p1/dan']) {
    world.places.set(key, INSIDE);
    await world.status(key, 'online');
  }
  expect(supply.readings()).toBeNull();
  world.enforce(policyOf({ moscow: { rules: [block], steppedBack: true } }));
  await supply.round();
  expect(shown(await world.figures())['any']).toMatch(/^2 1 1 0 /);
  await world.advance(200);
  const tver = { region: 'tver', connected: 0, lost: 0, unknown: 0, dataAgeMs: 200 };
  expect(supply.readings()).toEqual([{ ...tver, region: 'moscow', connected: 2, lost: 1, unknown: 1 }, tver]);
});
