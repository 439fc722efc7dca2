import { sql } from 'kysely';
import type { Db } from './database.ts';

/** How long the oldest change has waited that is not parked, in ms; 0 if none waits. Reads the queue once: for gauges and operators. */
export async function readOldestPendingMs(db: Db): Promise<number> {
  const { rows } = await sql<{ ms: number | null }>`/* pending.oldest */
    select (extract(epoch from deptrans.now() - min(q.event_at)) * 1000)::float8 as ms
      from deptrans.status_queue q
      left join deptrans.driver_persons p using (park_id, driver_id)
      left join deptrans.profiles b using (driver_license_pd_id)
      left join deptrans.reports r using (deptrans_id)
     where r.parked_reason is null`.execute(db);
  return Math.max(0, rows[0]!.ms ?? 0);
}
