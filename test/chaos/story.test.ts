import { expect, test } from 'vitest';
import { type Line, tellStory } from '../../soak/story/story.ts';
import { differences } from '../../soak/story/table.ts';
import { openTestDatabase } from '../support/database.ts';

test('a city of 300 (of 2,000) drivers goes from watching to blocking, loses its regulator, falls back and recovers: every figure is the true one', async ({
  signal,
}) => {
  await using database = await openTestDatabase();
  const size = { drivers: 300, seed: 1, morningHours: 2 };
  const told: Line[] = [];
  const story = await tellStory(size, database.url, (line) => told.push(line), signal);
  expect(told).toEqual(story.lines);
  expect(differences(story.lines)).toEqual([]);
  expect(story.foretold.said).toBe(story.foretold.true);
  expect(story.foretold.true).toBeGreaterThan(0);
  expect(story.lines.find(({ what }) => what === 'block 100 %')?.true.blocked).toBeGreaterThan(0);
  expect(story.steppedBackAfterMs).toBeLessThanOrEqual(65_000);
  expect(story.blocksAgainAfterMs).toBeLessThan(30 * 60_000);
}, 1_800_000);
