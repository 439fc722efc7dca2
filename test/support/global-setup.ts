import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startBroker } from '../../simulator/broker/kafka.ts';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
    /** Tests make topics of their own there. */
    kafkaBrokers: string;
  }
}

/** One PostgreSQL for the whole run, with a migrated template that each test clones, and one broker. Nothing runs without either. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stack = new AsyncDisposableStack();
  const starts = await Promise.allSettled([
    startPostgres({ durable: false }).then(async (server) => {
      stack.use(server);
      await makeTemplate(server.url);
      project.provide('postgresUrl', server.url);
    }),
    startBroker().then((broker) => project.provide('kafkaBrokers', stack.use(broker).brokers)),
  ]);
  const failed = starts.find((start) => start.status === 'rejected');
  if (!failed) return () => stack.disposeAsync();
  await stack.disposeAsync();
  throw failed.reason;
}

async function makeTemplate(serverUrl: string): Promise<void> {
  const client = new pg.Client(serverUrl);
  await client.connect();
  await client.query('create database deptrans_template');
  await client.end();
  await using template = openDatabase({
    url: serverUrl.replace(/\/postgres$/, '/deptrans_template'),
    maxConnections: 1,
    statementTimeoutMs: 30_000,
    connectTimeoutMs: 5_000,
    applicationName: 'template',
    log: openLog('warn'),
    timer: openMetrics(systemClock).timer('store'),
  });
  await migrate(template.db);
}
