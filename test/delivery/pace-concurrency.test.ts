import { expect, test } from 'vitest';
import { type Concurrency, openConcurrency } from '../../src/delivery/pace-concurrency.ts';

const MAX = 100;

/** Rounds of answers that all take so long. Returns the limit after each. */
function answer(concurrency: Concurrency, ms: number, rounds: number): number[] {
  return Array.from({ length: rounds }, () => {
    for (let left = concurrency.limit; left > 0; left -= 1) concurrency.observe(ms);
    return concurrency.limit;
  });
}

test('as many calls at once as configured, as long as they take what they used to', () => {
  const concurrency = openConcurrency(MAX);
  expect(answer(concurrency, 100, 20)).toEqual(Array(20).fill(MAX));
  expect(answer(concurrency, 300, 1)).toEqual([MAX]); // slower than usual by what our own machine may do
});

test('fewer when they take much longer, down to a twentieth, and as many again when they do not', () => {
  const concurrency = openConcurrency(MAX);
  answer(concurrency, 100, 3);
  const strained = answer(concurrency, 5_000, 15);
  expect(strained.slice(0, 3)).toEqual([80, 64, 51]);
  expect(strained.at(-1)).toBeGreaterThanOrEqual(MAX / 20);
  expect(strained.at(-1)).toBeLessThan(MAX / 10);
  const eased = answer(concurrency, 100, 40);
  expect(eased).toEqual(eased.toSorted((a, b) => a - b));
  expect(eased.at(-1)).toBe(MAX);
});

test('what lasts becomes usual: a regulator that is slower for good is not held for strained for ever', () => {
  const concurrency = openConcurrency(MAX);
  answer(concurrency, 100, 3);
  expect(answer(concurrency, 1_000, 10).at(-1)).toBeLessThan(MAX / 2);
  expect(answer(concurrency, 1_000, 200).at(-1)).toBe(MAX);
});

test('how many calls end soon follows from how long they took lately; before anybody knows, each ends once', () => {
  const concurrency = openConcurrency(MAX);
  expect(concurrency.endingWithin(250)).toBe(MAX);
  answer(concurrency, 1_000, 1);
  expect(concurrency.endingWithin(250)).toBe(25);
});
