import { type RawBuilder, sql } from 'kysely';
import { expect, test, vi } from 'vitest';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { resign } from '../../src/store/leaders.ts';
import { vacuumChurning } from '../../src/store/vacuum.ts';
import { openTestDatabase } from '../support/database.ts';
import { openMaintenanceWorld } from './world.ts';

const ROWS = 3_000;

/** In one transaction, whose work the statistics know when this resolves. */
async function commit(db: Db, ...statements: RawBuilder<unknown>[]): Promise<void> {
  await inTransaction(db, async (tx) => {
    for (const statement of statements) await statement.execute(tx);
    await sql`select pg_stat_force_next_flush()`.execute(tx);
  });
}

const come = sql`insert into deptrans.status_queue (park_id, driver_id, status, event_at, queued_at, carries_event, due_at)
  select 'park', md5(i::text), 'online', deptrans.now(), deptrans.now(), false, deptrans.now() from generate_series(1, ${ROWS}::int) i`;
const go = sql`delete from deptrans.status_queue`;
/** Autovacuum, which may come at any time, would hide what is tested. */
const alone = sql`alter table deptrans.status_queue set (autovacuum_enabled = off)`;

async function deadRows(db: Db): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select n_dead_tup as n from pg_stat_user_tables where relid = 'deptrans.status_queue'::regclass`.execute(db);
  return rows[0]!.n;
}

async function heapBytes(db: Db): Promise<number> {
  const { rows } = await sql<{ n: number }>`select pg_relation_size('deptrans.status_queue') as n`.execute(db);
  return rows[0]!.n;
}

test('the queue does not grow by the rows that come and go', async () => {
  await using world = await openMaintenanceWorld({ vacuumMs: 20 });
  const { db } = world;
  await commit(db, alone);
  await resign(db, 'maintenance', 'other');
  const sizes: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    await commit(db, come);
    sizes.push(await heapBytes(db));
    await commit(db, go);
    await vi.waitFor(async () => expect(await deadRows(db)).toBe(0), { timeout: 60_000, interval: 20 });
  }
  expect(sizes[0]).toBeGreaterThan(0);
  expect(sizes).toEqual(sizes.map(() => sizes[0]));
});

test('nothing is done for a few dead rows, and nobody who holds the table is waited for', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await commit(db, alone, come);
  await commit(
    db,
    sql`delete from deptrans.status_queue where ctid in (select ctid from deptrans.status_queue limit 900)`,
  );
  expect(await vacuumChurning(db)).toBe(0);
  await commit(db, go);
  await inTransaction(db, async (tx) => {
    await sql`lock table deptrans.status_queue in share update exclusive mode`.execute(tx);
    expect(await vacuumChurning(db)).toBe(1);
  });
  expect(await deadRows(db)).toBe(ROWS);
});
