import { expect, test } from 'vitest';
import { checkBalance } from '../../soak/balance/balance.ts';
import { openTestDatabase } from '../support/database.ts';

test('50,000 random events (5 % of the long form): each kind has exactly as many as were sent, and the sums agree at any moment', async ({
  signal,
}) => {
  await using database = await openTestDatabase();
  const figures = await checkBalance({ events: 50_000, people: 1_000, seed: 1 }, database.url, signal);
  expect(figures).toMatchObject({ ok: true, differences: {}, unbalanced: 0, wrongAtRegulator: 0 });
}, 1_800_000);
