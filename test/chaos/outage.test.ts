import { expect, test } from 'vitest';
import { outlast } from '../../soak/outage/outage.ts';
import { openTestDatabase } from '../support/database.ts';

test('20,000 of 400,000 people wait while the regulator is away for 15 of 120 minutes: probes, rate, order, nothing superseded', async ({
  signal,
}) => {
  await using database = await openTestDatabase();
  const size = { people: 20_000, minutes: 15, instances: 3, rate: 2_000, seed: 1 };
  expect(await outlast(size, database.url, signal)).toMatchObject({ failed: [], superseded: 0, differ: 0, ok: true });
}, 1_800_000);
