import { sql } from 'kysely';
import pg from 'pg';
import { inject } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { type Db, openDatabase } from '../../src/store/database.ts';

export type TestDatabase = AsyncDisposable & {
  readonly db: Db;
  readonly url: string;
  /** Moves `deptrans.now()` forward. The first call replaces the function by one with an offset. */
  advance(ms: number): Promise<void>;
};

let made = 0;

/** A database of one test's own, cloned from the migrated template; dropped when disposed. */
export async function openTestDatabase({ maxConnections = 10 } = {}): Promise<TestDatabase> {
  const server = inject('postgresUrl');
  made += 1;
  const name = `test_${process.pid}_${made}_${Date.now().toString(36)}`;
  await admin(server, `create database ${name} template deptrans_template strategy file_copy`);
  const url = server.replace(/\/postgres$/, `/${name}`);
  const database = openDatabase({
    url,
    maxConnections,
    // Waiting for a connection includes waiting for its turn in the pool: long, since a machine that is busy or stands still is no failure.
    statementTimeoutMs: 60_000,
    connectTimeoutMs: 60_000,
    applicationName: name,
    log: openLog('silent'),
    timer: openMetrics(systemClock).timer('store'),
  });
  const { db } = database;
  let virtual = false;
  return {
    db,
    url,
    async advance(ms) {
      if (!virtual) await installVirtualClock(db);
      virtual = true;
      await sql`update deptrans.test_clock set shift = shift + ${ms} * interval '1 ms'`.execute(db);
    },
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await admin(server, `drop database ${name} with (force)`);
    },
  };
}

async function installVirtualClock(db: Db): Promise<void> {
  await sql`create table deptrans.test_clock (shift interval not null)`.execute(db);
  await sql`insert into deptrans.test_clock values ('0')`.execute(db);
  await sql`create or replace function deptrans.now() returns timestamptz language sql volatile parallel safe as
    'select clock_timestamp() + (select shift from deptrans.test_clock)'`.execute(db);
}

const IN_USE = '55006';

/** The server waits for five seconds until nobody uses the database any more; on a busy machine that may be too short. */
async function admin(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    for (let isDone = false; !isDone; ) isDone = await isDoneNow(client, statement);
  } finally {
    await client.end();
  }
}

async function isDoneNow(client: pg.Client, statement: string): Promise<boolean> {
  try {
    await client.query(statement);
    return true;
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === IN_USE) return false;
    throw error;
  }
}
