import { expect, test } from 'vitest';
import { openTimeMarks } from '../../src/feed/time-marks.ts';

const SECOND_US = 1_000_000;

test('a time leads to a number given a second before it at the latest, or to none', () => {
  const marks = openTimeMarks([
    { at_us: 10 * SECOND_US, seq: 5 },
    { at_us: 20 * SECOND_US, seq: 9 },
  ]);
  const asked = [0, 10_999, 11_000, 20_999, 21_000, 9e15].map((ms) => marks.seqAt(ms));
  expect(asked).toEqual([null, null, 5, 5, 9, 9]);
  expect(openTimeMarks([]).seqAt(9e15)).toBeNull();
});

test('an hour of many commits is kept as one mark a second, and the newest always', () => {
  const marks = openTimeMarks([]);
  for (let i = 0; i <= 40_000; i++) marks.add({ at_us: i * SECOND_US * 0.1, seq: i });
  expect(marks.seqAt(4_000_000)).toBeGreaterThan(39_980);
  expect(marks.seqAt(5_000_000)).toBe(40_000);
  expect(marks.seqAt(399_000)).toBeNull();
  const hourAgo = marks.seqAt(402_000)!;
  expect(hourAgo).toBeLessThanOrEqual(4_010);
  expect(hourAgo).toBeGreaterThan(3_980);

  marks.add({ at_us: 1e6 * SECOND_US, seq: 50_000 });
  expect([marks.seqAt(1e6), marks.seqAt(2e9)]).toEqual([null, 50_000]);
});
