import { expect, test } from 'vitest';
import { stopAgain } from '../../soak/stop/stop.ts';
import { openTestDatabase } from '../support/database.ts';

test('told to stop three times under load: every accepted call is answered, streams are told to go, no lease is left', async () => {
  await using database = await openTestDatabase();
  const size = { stops: 3, people: 100, rate: 50, unary: 6, streams: 10, graceS: 20, seed: 2 };
  const figures = await stopAgain(size, database.url, new AbortController().signal);
  expect(figures['held'] ?? []).toEqual([]);
  expect(figures).toMatchObject({
    ok: true,
    notZero: 0,
    stillReady: 0,
    lost: 0,
    failed: 0,
    wrongStreams: 0,
    leases: 0,
  });
  expect(figures['served']).toBeGreaterThan(300);
}, 600_000);
