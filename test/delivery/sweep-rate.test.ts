import { expect, test } from 'vitest';
import { openRulesReader } from '../../src/delivery/rules-reader.ts';
import { openSweep } from '../../src/delivery/sweep.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { limits, OUTSIDE, openDeliveryWorld } from '../support/delivery-world.ts';

const PEOPLE = 10;

test('the loop sweeps everybody on line, page by page, and asks for positions at the bounded rate', async () => {
  await using world = await openDeliveryWorld();
  for (let i = 0; i < PEOPLE; i++) {
    await world.person(`person ${i}`, `p/${i}`);
    await world.bind(`person ${i}`, `${100 + i}`);
    world.place(`p/${i}`, OUTSIDE);
    await world.event(`p/${i}`, 'online');
  }
  await world.delivery.runOnce();

  let passedMs = 0;
  const clock: Clock = {
    now: Date.now,
    monotonic: () => passedMs,
    sleep(ms) {
      passedMs += ms;
      return Promise.resolve();
    },
  };
  const asked: { atMs: number; n: number }[] = [];
  await using sweep = openSweep({
    db: world.db,
    rules: openRulesReader(world.db),
    trackstory: {
      positions(drivers) {
        asked.push({ atMs: passedMs, n: drivers.length });
        return Promise.resolve([]);
      },
    },
    limits: { ...limits, sweepPage: 3, sweepPositionsPerSecond: 2 },
    instance: 'two',
    clock,
    log: openLog('silent'),
    metrics: world.metrics,
  });
  await sweep.round(AbortSignal.timeout(60_000));
  expect(asked).toEqual([
    { atMs: 0, n: 3 },
    { atMs: 1_500, n: 3 },
    { atMs: 3_000, n: 3 },
    { atMs: 4_500, n: 1 },
  ]);
});
