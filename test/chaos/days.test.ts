import { expect, test } from 'vitest';
import { liveDays } from '../../soak/days/days.ts';
import { openTestDatabase } from '../support/database.ts';

test('2,000 drivers live for a day: nobody stays open or unreported for longer than a minute, and no sweep repairs a lost wake', async ({
  signal,
}) => {
  await using database = await openTestDatabase();
  const size = { drivers: 2_000, days: 1, silenceHours: 8, sweepEvery: 1, seed: 1 };
  const figures = await liveDays(size, database.url, signal);
  expect(figures).toMatchObject({ ok: true, missed: 0, dangling: 0, wrongAtEnd: 0, sweepRepaired: {} });
}, 600_000);
