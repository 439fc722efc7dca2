import { expect, test } from 'vitest';
import { writeAtOnce } from '../../soak/writers/writers.ts';
import { openTestDatabase } from '../support/database.ts';

test('16 writers at once over the wire: no key of any copy is stale (6,000 of 120,000 keys, 1,000 of 20,000 commits)', async ({
  signal,
}) => {
  await using database = await openTestDatabase();
  const figures = await writeAtOnce({ keys: 6_000, writers: 16, commits: 1_000, seed: 1 }, database.url, signal);
  expect(figures).toMatchObject({ stale: 0, ok: true });
  expect(figures['held']).toEqual([expect.any(Number), expect.any(Number), expect.any(Number)]);
  expect(figures['commits']).toBeGreaterThan(800);
}, 600_000);
