import { expect, test } from 'vitest';
import { putRules } from '../../src/store/rules.ts';
import { HOUR, IN_TVER, INSIDE, MINUTE, openSupplyWorld, policyOf, REGIONS, type SupplyWorld, shown } from './world.ts';

/** Where the one person who is connected counts. */
async function where({ figures }: SupplyWorld): Promise<string> {
  const found = [];
  for (const region of ['moscow', 'tver']) if (shown(await figures(region))['any']) found.push(region);
  return found.join(' ');
}

/** Somebody comes on line in Moscow and is asked for. */
async function bringAnn(world: SupplyWorld, supply: ReturnType<SupplyWorld['open']>): Promise<void> {
  await world.profile('p1/ann', 'ann');
  world.places.set('p1/ann', INSIDE);
  await world.status('p1/ann', 'online');
  await supply.round();
}

test('who goes and comes back is asked for again when the answer has become old, and not before', async () => {
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  await bringAnn(world, supply);
  expect([await where(world), world.trackstory.asked, supply.census()?.size]).toEqual(['moscow', 1, 1]);
  world.places.set('p1/ann', IN_TVER);
  await world.advance(MINUTE);
  await world.status('p1/ann', 'offline');
  await supply.round();
  expect([await where(world), world.trackstory.asked, supply.census()?.size]).toEqual(['', 1, 0]);
  await world.status('p1/ann', 'online');
  await supply.round();
  expect([await where(world), world.trackstory.asked, supply.census()?.size]).toEqual(['moscow', 1, 1]);
  await world.advance(MINUTE);
  await supply.round();
  expect([await where(world), world.trackstory.asked]).toEqual(['tver', 2]);
  await world.status('p1/ann', 'offline');
  await supply.round();
  await world.advance(2 * MINUTE + 1);
  await supply.round();
  world.places.set('p1/ann', INSIDE);
  await world.status('p1/ann', 'online');
  await supply.round();
  expect([await where(world), world.trackstory.asked, supply.census()?.size]).toEqual(['moscow', 3, 1]);
});

test('who comes back is where the regions of now say', async () => {
  await using world = await openSupplyWorld();
  await using supply = world.open('one');
  await bringAnn(world, supply);
  await world.status('p1/ann', 'offline');
  await supply.round();
  const [moscow, tver] = REGIONS;
  await putRules(world.db, [
    { ...moscow!, area: tver!.area },
    { ...tver!, area: moscow!.area },
  ]);
  world.enforce(policyOf({}, { version: 2 }));
  await supply.round();
  await world.status('p1/ann', 'online');
  await supply.round();
  expect([await where(world), world.trackstory.asked]).toEqual(['tver', 1]);
});

test('who is about to be reported is asked for only if no shift has told the place in time', async () => {
  await using world = await openSupplyWorld({ reportMs: 5_000 });
  await using supply = world.open('one');
  for (const driver of ['ann', 'bob', 'cat', 'dan']) {
    await world.profile(`p1/${driver}`, driver);
    world.places.set(`p1/${driver}`, INSIDE);
  }
  // Nobody has said yet where Cat is, and nobody reports Dan.
  for (const driver of ['ann', 'bob', 'cat']) await world.bind(driver, driver);
  for (const driver of ['ann', 'bob', 'dan']) await world.session(driver, 'finished', null, 'tver');
  for (const driver of ['ann', 'bob', 'cat', 'dan']) await world.status(`p1/${driver}`, 'online');
  const connected = async (region: string) => Number(shown(await world.figures(region))['any']?.split(' ')[0] ?? 0);
  const now = async () => [await connected('moscow'), await connected('tver'), world.trackstory.asked];
  await supply.round();
  expect(await now()).toEqual([2, 2, 2]);
  await world.session('ann', 'online', world.now() + HOUR, 'moscow');
  await world.advance(4_900);
  await supply.round();
  expect(await now()).toEqual([3, 1, 2]);
  await world.advance(100);
  await supply.round();
  expect(await now()).toEqual([4, 0, 3]);
});
