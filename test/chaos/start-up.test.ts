import { expect, inject, test } from 'vitest';
import { tryStarts } from '../../soak/start-up/start-up.ts';
import { openTestDatabase } from '../support/database.ts';

test('each neighbour down, all or none, at the very first start and at a restart (1 of 3 ways to be down): ready, or it says what it misses', async ({
  signal,
}) => {
  const figures = await tryStarts(
    { people: 50, modes: 1 },
    { brokers: inject('kafkaBrokers'), newDatabase: openTestDatabase },
    signal,
  );
  expect(figures).toMatchObject({ ok: true, starts: 16, wrong: [] });
}, 600_000);
