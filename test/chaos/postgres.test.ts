import { expect, inject, test } from 'vitest';
import { troublePostgres } from '../../soak/postgres/postgres.ts';

test('PostgreSQL crashes, falls silent for 3 s and fails over while drivers drive: the process stays, nothing is lost (1 of 20 crashes, 1 of 10 holes, 1 of 5 failovers)', async ({
  signal,
}) => {
  const size = { crashes: 1, holes: 1, holeMs: 3_000, failovers: 1, people: 150, rate: 150, instances: 1 };
  const env = { DEPTRANS_DATABASE_STATEMENT_TIMEOUT_MS: '2000', DEPTRANS_DATABASE_CONNECT_TIMEOUT_MS: '1000' };
  const figures = await troublePostgres(size, { brokers: inject('kafkaBrokers'), env }, signal);
  expect(figures).toMatchObject({ ok: true, processesEnded: 0, differ: 0, missing: 0 });
}, 600_000);
