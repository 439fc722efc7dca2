import { expect, test } from 'vitest';
import { fuzz } from '../../soak/fuzz/fuzz.ts';

test('50,000 random and mutated inputs, 500 of them connections: nothing crashes, hangs or grows', async () => {
  const figures = await fuzz({ cases: 50_000, seed: 7 }, new AbortController().signal);
  expect(figures).toMatchObject({ broken: [], unanswered: 0, connections: 500 });
  expect(figures.ok).toBe(true);
}, 600_000);
