import pg from 'pg';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';

/** Makes the migrated database that each test's own is cloned from. */
export async function makeTemplate(serverUrl: string): Promise<void> {
  const client = new pg.Client(serverUrl);
  await client.connect();
  await client.query('create database deptrans_template');
  await client.end();
  await using template = openDatabase({
    url: serverUrl.replace(/\/postgres$/, '/deptrans_template'),
    maxConnections: 1,
    statementTimeoutMs: 120_000,
    connectTimeoutMs: 60_000,
    applicationName: 'template',
    log: openLog('warn'),
    timer: openMetrics(systemClock).timer('store'),
  });
  await migrate(template.db);
}
