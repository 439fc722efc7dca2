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
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openBenchServer({ durable: false }));
  await server.prepare((db) => fillTables(db, counts[size]));
  const share = counts[size].ids / counts.full.ids;
  const owned = stack.move();
  return {
    async subject(signal) {
      await using database = await server.copy();
      const { db } = database;
      await updateTables(db, counts[size], signal);
      await sql`vacuum analyze`.execute(db);
      return await readingsOf((table) => measureTable(db, table));
    },
    baseline: () => readingsOf((table) => Promise.resolve({ value: estimates[table] * share })),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function measureTable(db: Db, table: Table): Promise<Reading> {
  const { rows: parts } = await sql<{ name: string; bytes: number; rows: number }>`
    select 'heap' as name, pg_table_size(relid) as bytes, n_live_tup as rows from pg_stat_user_tables
     where schemaname = 'deptrans' and relname = ${table}
    union all
    select indexrelname, pg_relation_size(indexrelid), 0 from pg_stat_user_indexes
     where schemaname = 'deptrans' and relname = ${table}`.execute(db);
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const partsMb = Object.fromEntries(parts.map((part) => [`${part.name}Mb`, part.bytes / 1e6]));
  return { value: bytes / 1e6, beside: { rows, bytesPerRow: bytes / rows, ...partsMb } };
}

function goalOf(table: Table) {
  return `sizes-${table}` as const;
}

async function readingsOf(read: (table: Table) => Promise<Reading>) {
  return Object.fromEntries(
    await Promise.all(tables.map(async (table) => [goalOf(table), await read(table)] as const)),
  );
}
