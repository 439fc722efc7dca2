import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../../../simulator/database/postgres.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { openLog } from '../../../src/runtime/log.ts';
import { openMetrics } from '../../../src/runtime/metrics.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { makeTemplate } from '../../support/template.ts';
import { describeRecording } from '../describe.ts';
import { KIT, writeHistory } from '../files.ts';
import { vectors } from '../vectors.ts';
import { record } from './recorder.ts';
import { SCRIPTS } from './scripts.ts';

/** `npm run kit`: records consumer/kit anew, from the real feed over a real database. Without a change of the feed hardly a byte changes. */
async function main(): Promise<void> {
  await using server = await startPostgres({ durable: false });
  await makeTemplate(server.url);
  for (const script of SCRIPTS) {
    await using database = openDatabase({
      url: await makeDatabase(server.url, `kit_${script.name.replace('-', '_')}`),
      maxConnections: 10,
      statementTimeoutMs: 30_000,
      connectTimeoutMs: 5_000,
      applicationName: 'kit',
      log: openLog('silent'),
      timer: openMetrics(systemClock).timer('store'),
    });
    const recording = await record(script, database.db);
    await writeHistory(recording, describeRecording(recording));
  }
  await writeFile(join(KIT, 'vectors.json'), `${JSON.stringify(vectors(), null, 2)}\n`);
}

async function makeDatabase(serverUrl: string, name: string): Promise<string> {
  const client = new pg.Client(serverUrl);
  await client.connect();
  await client.query(`create database ${name} template deptrans_template`);
  await client.end();
  return serverUrl.replace(/\/postgres$/, `/${name}`);
}

await main();
