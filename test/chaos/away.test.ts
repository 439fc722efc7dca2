import { expect, test } from 'vitest';
import { goAway } from '../../soak/away/away.ts';
import { openTestDatabase } from '../support/database.ts';

test('database gone, service gone: copies are kept, say how old they are, turn UNKNOWN, and are exact again (6 of 600 s)', async ({
  signal,
}) => {
  await using database = await openTestDatabase();
  const figures = await goAway({ awayS: 6, maxDataAgeS: 2, people: 200, everyMs: 100 }, database.url, signal);
  expect(figures).toMatchObject({ ok: true, younger: 0, lost: 0, misjudged: 0, forbidden: 0, snapshots: 0 });
}, 600_000);
