import { expect, test } from 'vitest';
import { beginPause, endPause } from '../../src/store/delivery-pause.ts';
import { closeGate, openGate } from '../../src/store/gate.ts';
import { setSuspended } from '../../src/store/policies.ts';
import { endStepBack } from '../../src/store/step-backs.ts';
import { CALM_S, expectFall, expectReturn, goesOn, LONG_MS, somebodyBlocks } from './expect-fall.ts';
import { blockingWith, openStepBackWorld, type StepBackWorld } from './step-back-world.ts';

/** Each begins with two instances that block whoever has no shift, the first of which counts 200 connected people. */
const INCIDENTS: Record<string, (world: StepBackWorld) => Promise<void>> = {
  async 'a third of the shifts vanishes, and is there again'(world) {
    world.without(66);
    await expectFall(world, 'lost_share');
    expect((await world.records())[0]).toMatchObject({ reading: 0.33, limit: 0.1, connected: 200, policyVersion: 1 });
    world.without(0);
    await expectReturn(world);
  },
  async 'the regulator answers what nobody understands'(world) {
    world.unclear(50);
    await expectFall(world, 'unknown_share');
  },
  async 'the regulator does not answer'(world) {
    await openGate(world.db, 'moscow', 1_000);
    await world.pass(60, LONG_MS);
    goesOn(world);
    await expectFall(world, 'regulator_down');
    await closeGate(world.db, 'moscow');
    await expectReturn(world);
  },
  async 'it is away for a moment every minute'(world) {
    for (let i = 0; i < 8; i++) {
      await openGate(world.db, 'moscow', 1_000);
      await world.pass(40, LONG_MS);
      await closeGate(world.db, 'moscow');
      await world.pass(20, LONG_MS);
      goesOn(world);
    }
  },
  async 'it comes and goes while the region waits to come back'(world) {
    await openGate(world.db, 'moscow', 1_000);
    await world.pass(60, LONG_MS);
    await expectFall(world, 'regulator_down');
    for (let i = 0; i < 4; i++) {
      await closeGate(world.db, 'moscow');
      await world.pass(60, LONG_MS);
      await openGate(world.db, 'moscow', 1_000);
      await world.pass(60, LONG_MS);
      expect(world.blocking()).toEqual([]);
    }
    expect(await world.records()).toHaveLength(1);
  },
  async 'delivery is paused and forgotten'(world) {
    await beginPause(world.db, { pausedBy: 'ann', reason: 'to look' });
    await world.pass(60, LONG_MS);
    await expectFall(world, 'regulator_down');
    await endPause(world.db);
    await expectReturn(world);
  },
  async 'hardly anybody is connected, and half of them have no shift'(world) {
    world.sessions.length = 60;
    world.without(30);
    await world.pass(60, LONG_MS);
    goesOn(world);
    world.sessions.length = 0;
    await world.pass(60, LONG_MS);
    goesOn(world);
  },
  async 'the loss swings about its limit: one fall'(world) {
    for (let i = 0; i < 60; i++) {
      world.without(i % 2 === 0 ? 22 : 18);
      await world.pass(15, LONG_MS);
      if (i > 0) expect(world.blocking()).toEqual([]);
    }
    expect(await world.records()).toHaveLength(1);
    world.without(10);
    await expectReturn(world);
  },
  async 'the loss comes back whenever the region does: the third fall stays'(world) {
    for (let i = 0; i < 3; i++) {
      world.without(66);
      await expectFall(world, 'lost_share');
      world.without(0);
      if (i < 2) await world.pass(CALM_S + 10, LONG_MS);
    }
    await world.pass(3 * CALM_S, 4 * LONG_MS);
    expect(world.blocking()).toEqual([]);
    expect((await world.records()).map(({ needsOperator }) => needsOperator)).toEqual([true, false, false]);
    await endStepBack(world.db, 'moscow', { name: 'ann', reason: 'found it' });
    expect(await world.passUntil(somebodyBlocks(world), 60)).toBeLessThanOrEqual(1);
    // What an operator has ended does not count any more.
    world.without(66);
    await expectFall(world, 'lost_share');
    expect((await world.records())[0]).toMatchObject({ needsOperator: false });
  },
  async 'an operator ends it while the loss lasts: it falls again'(world) {
    world.without(66);
    await expectFall(world, 'lost_share');
    await endStepBack(world.db, 'moscow', { name: 'ann', reason: 'too early' });
    await world.pass(1);
    await expectFall(world, 'lost_share');
    expect(await world.records()).toHaveLength(2);
  },
  async 'a share of people is raised beyond what the limit bears, and put back'(world) {
    await world.put(blockingWith({ lostShare: 0.4 }));
    await world.pass(1);
    world.without(66);
    await world.pass(60, LONG_MS);
    goesOn(world);
    await world.put(blockingWith({ lostShare: 0.3 }));
    await expectFall(world, 'lost_share');
    await world.put(blockingWith({ lostShare: 0.5 }));
    await world.pass(CALM_S / 2, LONG_MS);
    expect(world.blocking()).toEqual([]); // a newer version alone ends nothing
    await world.pass(CALM_S, LONG_MS);
    expect(world.blocking()).toEqual(['one', 'two']);
  },
  async 'everything is switched off, and on again while the regulator is down'(world) {
    await setSuspended(world.db, true, { author: 'ann', reason: 'test' });
    await openGate(world.db, 'moscow', 1_000);
    await world.pass(120, LONG_MS);
    expect([world.blocking(), await world.records()]).toEqual([[], []]);
    await setSuspended(world.db, false, { author: 'ann', reason: 'test' });
    await world.passUntil(somebodyBlocks(world), 1);
    await expectFall(world, 'regulator_down');
  },
};

test.each(Object.entries(INCIDENTS))('%s', async (_, happens) => {
  await using world = await openStepBackWorld();
  expect(world.blocking()).toEqual(['one', 'two']);
  await happens(world);
});

test('a region without a word about falling back falls for the regulator and for old data, and not for shares', async () => {
  await using world = await openStepBackWorld({
    policy: blockingWith({
      lostShare: undefined,
      unknownShare: undefined,
      regulatorDown: undefined,
      returnAfter: undefined,
    }),
  });
  world.without(200);
  world.instances[0]!.counts = false;
  await world.pass(60, LONG_MS);
  goesOn(world);
  await openGate(world.db, 'moscow', 1_000);
  await world.pass(60, LONG_MS);
  await expectFall(world, 'regulator_down');
});
