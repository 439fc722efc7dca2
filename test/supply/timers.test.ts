import { expect, test } from 'vitest';
import { openRandom } from '../../simulator/random.ts';
import { Numbers } from '../../src/supply/numbers.ts';
import { Rows } from '../../src/supply/rows.ts';
import { Timers } from '../../src/supply/timers.ts';

test('moments come in order, each row with the last that was set for it', () => {
  const random = openRandom('timers');
  const timers = new Timers();
  const expected = new Map<number, number>();
  for (let turn = 0; turn < 20_000; turn += 1) {
    const row = 1 + random.int(300);
    if (random.chance(0.2) && expected.size > 0) {
      const earliest = Math.min(...expected.values());
      expect(timers.nextAt()).toBe(earliest);
      const popped = timers.pop();
      expect(expected.get(popped)).toBe(earliest);
      expected.delete(popped);
    } else if (random.chance(0.2)) {
      timers.set(row, Number.POSITIVE_INFINITY);
      expected.delete(row);
    } else {
      const at = random.int(1_000);
      timers.set(row, at);
      expected.set(row, at);
    }
    expect(timers.nextAt()).toBe(Math.min(Number.POSITIVE_INFINITY, ...expected.values()));
  }
});

test('a row that was freed is taken again, and starts as zeros', () => {
  const rows = new Rows(2);
  const taken = Array.from({ length: 10_000 }, () => rows.take());
  expect(new Set(taken).size).toBe(10_000);
  expect(rows.end).toBe(10_001);
  for (const row of taken) rows.set(row, 1, row);
  expect(taken.every((row) => rows.get(row, 0) === 0 && rows.get(row, 1) === row)).toBe(true);
  rows.free(taken[5_000]!);
  const again = rows.take();
  expect([again, rows.get(again, 1), rows.end]).toEqual([taken[5_000], 0, 10_001]);
});

test('numbers have the rows that were set last, below 0 too', () => {
  const random = openRandom('numbers');
  const numbers = new Numbers();
  const expected = new Map<number, number>();
  for (let turn = 0; turn < 20_000; turn += 1) {
    const no = random.int(40_000) - 20_000;
    const row = random.chance(0.3) ? 0 : 1 + random.int(1_000_000);
    numbers.set(no, row);
    if (row === 0) expected.delete(no);
    else expected.set(no, row);
  }
  for (let no = -20_001; no < 20_001; no += 1) expect(numbers.get(no)).toBe(expected.get(no) ?? 0);
  expect([numbers.size, numbers.get(2_000_000_000)]).toEqual([expected.size, 0]);
});
