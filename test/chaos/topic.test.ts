import { expect, test } from 'vitest';
import { troubleTopic } from '../../soak/topic/topic.ts';
import { openTestDatabase } from '../support/database.ts';

test('10,000 events (5 % of the long form) through a topic in trouble: the newest state of everyone, the quarantine exact', async ({
  signal,
}) => {
  await using database = await openTestDatabase();
  const figures = await troubleTopic({ events: 10_000, profiles: 500, rebalances: 10, seed: 1 }, database.url, signal);
  expect(figures).toMatchObject({ ok: true, wrong: 0, missing: 0 });
}, 600_000);
