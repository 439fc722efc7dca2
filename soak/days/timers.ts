import { sql } from 'kysely';
import { dwellMs, type World } from '../world.ts';

/** Timers that are over within this of each other are served together. */
const togetherMs = 5_000;

/** When the service next has something to do of its own: to look again at what waits, or to see that a dwell is over, for which it sweeps. Null: never. */
export async function nextTimer({ db, clock }: World): Promise<{ atMs: number; sweeps: boolean } | null> {
  const { rows } = await sql<{ waits: Date | null; dwells: Date | null }>`
    select least((select min(due_at) from deptrans.reports where wait_reason <> 'parked'),
                 (select min(due_at) from deptrans.status_queue)) as waits,
           (select min(outside_since) + ${dwellMs} * interval '1 ms' from deptrans.reports
             where believed and outside_since > deptrans.now() - ${dwellMs} * interval '1 ms') as dwells`.execute(db);
  const { waits, dwells } = rows[0]!;
  const first = Math.min(waits?.getTime() ?? Number.POSITIVE_INFINITY, dwells?.getTime() ?? Number.POSITIVE_INFINITY);
  if (first === Number.POSITIVE_INFINITY) return null;
  const atMs = Math.max(first, clock.now()) + togetherMs;
  return { atMs, sweeps: dwells !== null && dwells.getTime() <= atMs };
}
