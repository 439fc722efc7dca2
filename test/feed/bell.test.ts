import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openBell } from '../../src/feed/bell.ts';

const NEVER = new AbortController().signal;

test('many are woken in slices, with a turn of the loop between them, each once', async () => {
  const bell = openBell();
  let woken = 0;
  for (let i = 0; i < 120; i++) void bell.wait(NEVER).then(() => (woken += 1));
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
  for (let i = 0; i < 60; i++) void bell.wait(NEVER);
  bell.ring();
  let late = false;
  void bell.wait(NEVER).then(() => (late = true));
  await turn();
  await turn();
  expect(late).toBe(false);
  bell.ring();
  await turn();
  expect(late).toBe(true);

  const leaving = new AbortController();
  const left = bell.wait(leaving.signal);
  leaving.abort();
  await left;
  await bell.wait(leaving.signal);
});
