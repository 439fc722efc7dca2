import { expect, test } from 'vitest';
import { repeatDays } from '../../soak/preview/preview.ts';
import { openTestDatabase } from '../support/database.ts';

test('the preview of a policy is what happens when a city of 250 lives the same day under it', async ({ signal }) => {
  const figures = await repeatDays({ drivers: 250, hours: 8, seed: 1, policies: 2 }, openTestDatabase, signal);
  expect(figures).toMatchObject({ ok: true, beyond: 0 });
  expect(figures['kills']).toBeGreaterThan(1);
  expect(figures['blocked']).toBeGreaterThan(30);
}, 1_800_000);
