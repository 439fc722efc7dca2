import { sql } from 'kysely';
import type { Db } from './database.ts';

/**
 * Tables whose rows are all replaced many times between two looks of autovacuum, which come a minute apart: a row of the queue lives for a second, an
 * account changes four times with each report, each time in its indexes.
 */
const CHURNING = ['status_queue', 'reports'];
/** Below so many dead rows nothing is gained. */
const LEAST_DEAD = 1_000;

/**
 * Frees what the dead rows of the churning tables take, where they are more than a tenth of the living ones, so that new rows find place in what is there.
 * Waits for no lock and gives nothing back to the system: that would lock others out. Returns how many tables it was due for.
 */
export async function vacuumChurning(db: Db): Promise<number> {
  const { rows } = await sql<{ name: string }>`/* vacuum.due */
    select relname as name from pg_stat_user_tables
     where schemaname = 'deptrans' and relname = any(${CHURNING}::text[]) and n_dead_tup > greatest(${LEAST_DEAD}, n_live_tup / 10)
     order by 1`.execute(db);
  for (const { name } of rows)
    await sql`/* vacuum */ vacuum (skip_locked, truncate off, parallel 0) ${sql.table(`deptrans.${name}`)}`.execute(db);
  return rows.length;
}
