import { sql } from 'kysely';
import type { Db } from '../../src/store/database.ts';
import { openBenchServer } from '../database/bench-server.ts';
import type { Bench, Reading, Size, Trial } from '../frame.ts';
import { type Counts, fillTables } from './fill-tables.ts';
import { updateTables } from './update-tables.ts';

/**
 * How large the brief's three tables are, heap and indexes, with every column filled, after one update of each row and a vacuum, beside what
 * the brief estimated. Bytes do not vary as time does: one turn.
 */
const counts: Record<Size, Counts> = {
  full: { ids: 1_000_000, queueRows: 400_000, sessions: 1_000_000 },
  small: { ids: 20_000, queueRows: 8_000, sessions: 20_000 },
};

/** The brief's estimates at full size, MB. */
const estimates = { profiles: 100, status_queue: 40, session_statuses: 100 } as const;
type Table = keyof typeof estimates;
const tables = Object.keys(estimates) as Table[];

export const sizesBench: Bench = {
  name: 'sizes',
  trials: [{ goals: tables.map(goalOf), runs: 1, warmUps: 0, deadlineMs: 1_200_000, open: openTrial }],
};

async function openTrial(size: Size): Promise<Trial> {
  const server = await openBenchServer({ durable: false });
  await server.prepare((db) => fillTables(db, counts[size]));
  const share = counts[size].ids / counts.full.ids;
  return {
    async subject(signal) {
      await using database = await server.copy();
      const { db } = database;
      await updateTables(db, counts[size], signal);
      await sql`vacuum analyze`.execute(db);
      return await readingsOf((table) => measureTable(db, table));
    },
    baseline: () => readingsOf((table) => Promise.resolve({ value: estimates[table] * share })),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function measureTable(db: Db, table: Table): Promise<Reading> {
  const { rows } = await sql<{ rows: number; heap: number; indexes: number }>`
    select n_live_tup as rows, pg_table_size(relid) as heap, pg_indexes_size(relid) as indexes
      from pg_stat_user_tables where schemaname = 'deptrans' and relname = ${table}`.execute(db);
  const { heap, indexes, rows: live } = rows[0]!;
  return {
    value: (heap + indexes) / 1e6,
    beside: { rows: live, heapMb: heap / 1e6, indexesMb: indexes / 1e6, bytesPerRow: (heap + indexes) / live },
  };
}

function goalOf(table: Table) {
  return `sizes-${table}` as const;
}

async function readingsOf(read: (table: Table) => Promise<Reading>) {
  return Object.fromEntries(
    await Promise.all(tables.map(async (table) => [goalOf(table), await read(table)] as const)),
  );
}
