import { expect, test } from 'vitest';
import { liveWithLoss } from '../../soak/supply/supply.ts';
import { openTestDatabase } from '../support/database.ts';

test('over a day of 1,000 drivers the loss of supply is what a judge counts who shares no code with it', async ({
  signal,
}) => {
  await using database = await openTestDatabase();
  const figures = await liveWithLoss({ drivers: 1_000, days: 1, seed: 1, minutes: 0 }, database.url, signal);
  expect(figures).toMatchObject({ ok: true, hours: 24, different: 0, beyond: 0 });
  expect(figures['kills']).toBeGreaterThan(2);
  expect(figures['policies']).toBeGreaterThan(2);
  expect(figures['blocked']).toBeGreaterThan(20);
}, 1_800_000);
