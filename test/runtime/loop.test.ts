import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { startLoop } from '../../src/runtime/loop.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';

/** A clock whose pauses end only by their signal, or when the test says so. */
function openHandClock() {
  const pauses: { ms: number; end: () => void }[] = [];
  let paused = Promise.withResolvers<void>();
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        pauses.push({ ms, end: resolve });
        signal?.addEventListener('abort', () => resolve(), { once: true });
        if (signal?.aborted) resolve();
        paused.resolve();
        paused = Promise.withResolvers();
      }),
  };
  return { clock, pauses, nextPause: () => paused.promise };
}

function open(runOnce: () => Promise<'more' | 'idle'>) {
  const lifetime = openLifetime();
  const hand = openHandClock();
  const timer = openMetrics(systemClock).timer('test');
  const loop = startLoop({
    name: 'test',
    runOnce,
    pauseMs: 1_000,
    lifetime,
    clock: hand.clock,
    log: openLog('silent'),
    timer,
  });
  return { loop, lifetime, ...hand };
}

test('a loop does not pause while there is more, and pauses with jitter when there is not', async () => {
  let rounds = 0;
  const { loop, pauses, nextPause } = open(() => Promise.resolve(++rounds < 5 ? 'more' : 'idle'));
  await nextPause();
  expect(rounds).toBe(5);
  expect(pauses[0]!.ms).toBeGreaterThanOrEqual(750);
  expect(pauses[0]!.ms).toBeLessThanOrEqual(1_250);
  await loop[Symbol.asyncDispose]();
});

test('a wake cuts the pause short', async () => {
  let rounds = 0;
  const { loop, nextPause } = open(() => Promise.resolve(++rounds ? 'idle' : 'more'));
  await nextPause();
  const again = nextPause();
  loop.wake();
  await again;
  expect(rounds).toBe(2);
  await loop[Symbol.asyncDispose]();
});

test('an error is survived, with a growing pause', async () => {
  const { loop, pauses, nextPause } = open(() => Promise.reject(new Error('no')));
  await nextPause();
  for (let i = 0; i < 3; i++) {
    const again = nextPause();
    pauses.at(-1)!.end();
    await again;
  }
  expect(pauses.map(({ ms }) => ms > 0)).toEqual([true, true, true, true]);
  expect(pauses[3]!.ms).toBeGreaterThan(pauses[0]!.ms);
  await loop[Symbol.asyncDispose]();
});

test('stopping ends the loop after the round in hand', async () => {
  const held = Promise.withResolvers<'more'>();
  let rounds = 0;
  const { loop, lifetime } = open(() => {
    rounds += 1;
    return held.promise;
  });
  lifetime.stop(10_000);
  let ended = false;
  const ending = loop.ended.then(() => {
    ended = true;
  });
  await Promise.resolve();
  expect(ended).toBe(false);
  held.resolve('more');
  await ending;
  expect(rounds).toBe(1);
});
