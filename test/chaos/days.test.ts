import { expect, test } from 'vitest';
import { liveDays } from '../../soak/days/days.ts';
import { openTestDatabase } from '../support/database.ts';

const common = { silenceHours: 8, sweepEvery: 1, seed: 1 };
const held = { ok: true, missed: 0, dangling: 0, wrongAtEnd: 0, secondShifts: 0, overlapping: 0, sweepRepaired: {} };

test('2,000 drivers live for a day: nobody stays open or unreported for longer than a minute, and no sweep repairs a lost wake', async ({
  signal,
}) => {
  await using database = await openTestDatabase();
  const figures = await liveDays({ ...common, drivers: 2_000, days: 1, lostPerMille: 2 }, database.url, signal);
  expect(figures).toMatchObject(held);
}, 1_800_000);

test('G6: of every twenty answers one is lost after its report took effect, and no second shift opens', async ({
  signal,
}) => {
  await using database = await openTestDatabase();
  const figures = await liveDays({ ...common, drivers: 500, days: 0.3, lostPerMille: 50 }, database.url, signal);
  expect(figures).toMatchObject(held);
  expect(figures['lostAnswers']).toBeGreaterThan(20);
}, 1_800_000);
