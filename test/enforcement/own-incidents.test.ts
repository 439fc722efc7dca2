import { expect, test } from 'vitest';
import { expectFall, expectReturn, FALL_S, goesOn, LONG_MS, nobodyBlocks } from './expect-fall.ts';
import { openStepBackWorld, type StepBackWorld } from './step-back-world.ts';

/** Each begins with two instances that block whoever has no shift, the first of which counts 200 connected people. */
const INCIDENTS: Record<string, (world: StepBackWorld) => Promise<void>> = {
  async 'whoever counts dies, and another takes over'(world) {
    world.instances[0]!.counts = false;
    await world.pass(20, LONG_MS);
    world.instances[1]!.counts = true;
    await world.pass(60, LONG_MS);
    goesOn(world);
  },
  async 'whoever counts dies, and nobody takes over'(world) {
    await world.pass(40, LONG_MS);
    world.instances[0]!.counts = false;
    await world.pass(25, LONG_MS);
    goesOn(world);
    await world.pass(5, LONG_MS);
    await expectFall(world, 'no_reading');
  },
  async 'whoever judges is killed in the moment of the loss'(world) {
    world.instances[1]!.counts = true;
    world.without(66);
    await world.kill('one');
    await expectFall(world, 'lost_share');
  },
  async 'the database is away for a while, and nobody forgets the policy'(world) {
    for (const one of world.instances) one.away = true;
    await world.pass(25, LONG_MS);
    goesOn(world);
    for (const one of world.instances) one.away = false;
    await world.pass(60, LONG_MS);
    goesOn(world);
  },
  async 'the database is away for long: each falls by itself'(world) {
    for (const one of world.instances) one.away = true;
    await world.pass(30, LONG_MS);
    expect(await world.passUntil(nobodyBlocks(world), 60)).toBeLessThanOrEqual(FALL_S);
    expect(world.blocking('tver')).toEqual([]);
    for (const one of world.instances) one.away = false;
    await expectReturn(world);
  },
  async 'one instance alone is cut off from the database'(world) {
    world.instances[1]!.away = true;
    await world.pass(30 + FALL_S, LONG_MS);
    expect(world.blocking()).toEqual(['one']);
    expect(await world.records()).toEqual([]);
    expect(await world.metrics.registry.metrics()).toContain(
      'enforcement_stepped_back{region="moscow",where="here"} 1',
    );
  },
  async 'the copy of one instance falls behind, comes near and falls behind again'(world) {
    const [, two] = world.instances;
    for (let i = 0; i < 3; i++) {
      two!.dataAgeMs = 61_000;
      expect(await world.passUntil(() => world.blocking().length === 1, 60)).toBeLessThanOrEqual(FALL_S);
      await world.pass(1);
      two!.dataAgeMs = 1_000;
      await world.pass(60, LONG_MS);
      expect(world.blocking()).toEqual(['one']);
    }
  },
  async 'the copy of whoever counts falls behind'(world) {
    world.instances[0]!.dataAgeMs = 61_000;
    expect(await world.passUntil(nobodyBlocks(world), 60)).toBeLessThanOrEqual(FALL_S);
    expect((await world.records())[0]).toMatchObject({ reason: 'data_age', reading: 61, limit: 60 });
  },
  async 'every instance is replaced while the region is stepped back'(world) {
    world.without(66);
    await expectFall(world, 'lost_share');
    for (const name of ['one', 'two']) await world.kill(name);
    const three = world.start('three', true);
    three.dataAgeMs = Number.POSITIVE_INFINITY; // it has not loaded its copy yet
    await world.pass(1);
    three.dataAgeMs = 0;
    await world.pass(30, LONG_MS);
    expect(world.blocking()).toEqual([]);
    world.without(0);
    await expectReturn(world);
  },
};

test.each(Object.entries(INCIDENTS))('%s', async (_, happens) => {
  await using world = await openStepBackWorld();
  expect(world.blocking()).toEqual(['one', 'two']);
  await happens(world);
});
