import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
  }
}

/** One PostgreSQL for the whole run, with a migrated template that each test clones. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres({ durable: false });
  const client = new pg.Client(server.url);
  await client.connect();
  await client.query('create database deptrans_template');
  await client.end();
  const template = openDatabase({
    url: server.url.replace(/\/postgres$/, '/deptrans_template'),
    maxConnections: 1,
    statementTimeoutMs: 30_000,
    connectTimeoutMs: 5_000,
    applicationName: 'template',
    log: openLog('warn'),
    timer: openMetrics(systemClock).timer('store'),
  });
  await migrate(template.db);
  await template[Symbol.asyncDispose]();
  project.provide('postgresUrl', server.url);
  return () => server.stop();
}
