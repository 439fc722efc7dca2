import { expect, test } from 'vitest';
import { recordHistories } from '../../soak/histories/histories.ts';

test('recorded histories over restarts of the service and of PostgreSQL: no judge finds anything (40 of 200 subscribers, 5,000 of 50,000 changes, 3 of 10 restarts, 1 of 3 crashes)', async ({
  signal,
}) => {
  const size = { subscribers: 40, changes: 5_000, restarts: 3, crashes: 1, people: 300, rate: 500, seed: 1 };
  const figures = await recordHistories(size, signal);
  const none = { Ordered: 0, Unique: 0, Reliable: 0, Atomic: 0, Resumable: 0, Bookmarkable: 0 };
  expect(figures).toMatchObject({ ok: true, wrong: none });
}, 1_800_000);
