import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openBell } from '../../src/feed/bell.ts';

const NEVER = new AbortController().signal;

test('many are woken in slices, with a turn of the loop between them, each once', async () => {
  const bell = openBell();
  let woken = 0;
  for (let i = 0; i < 120; i++)
    void bell
      .sleeper(NEVER)
      .wait()
      .then(() => (woken += 1));
  bell.ring();
  await Promise.resolve();
  expect(woken).toBe(50);
  await turn();
  expect(woken).toBe(100);
  await turn();
  expect(woken).toBe(120);
  bell.ring();
  await turn();
  expect(woken).toBe(120);
});

test('who waits while others are being woken waits for the next ring; who leaves is not held', async () => {
  const bell = openBell();
  for (let i = 0; i < 60; i++) void bell.sleeper(NEVER).wait();
  bell.ring();
  let late = false;
  void bell
    .sleeper(NEVER)
    .wait()
    .then(() => (late = true));
  await turn();
  await turn();
  expect(late).toBe(false);
  bell.ring();
  await turn();
  expect(late).toBe(true);

  const leaving = new AbortController();
  using sleeper = bell.sleeper(leaving.signal);
  const left = sleeper.wait();
  leaving.abort();
  await left;
  await sleeper.wait();
});

test('a sleeper is woken once for each wait', async () => {
  const bell = openBell();
  using sleeper = bell.sleeper(NEVER);
  let woken = 0;
  for (let i = 1; i <= 3; i++) {
    const waiting = sleeper.wait().then(() => (woken += 1));
    await turn();
    expect(woken).toBe(i - 1);
    bell.ring();
    bell.ring();
    await waiting;
    expect(woken).toBe(i);
  }
});
