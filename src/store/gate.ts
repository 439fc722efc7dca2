import { sql } from 'kysely';
import type { Db } from './database.ts';

/** Whether the regulator answers, as the whole cluster sees it. */
export async function isGateOpen(db: Db, regulator: string): Promise<boolean> {
  const { rows } = await sql`/* gate.read */
    select 1 from deptrans.gate where regulator = ${regulator} and open_since is not null`.execute(db);
  return rows.length > 0;
}

/** Says that the regulator does not answer: from now on only probes go out, the first after `probeMs`. Once open, nothing changes. */
export async function openGate(db: Db, regulator: string, probeMs: number): Promise<boolean> {
  const { rows } = await sql`/* gate.open */
    insert into deptrans.gate as g (regulator, open_since, next_probe_at, changed_at)
    values (${regulator}, deptrans.now(), deptrans.now() + ${probeMs} * interval '1 ms', deptrans.now())
    on conflict (regulator) do update set open_since = excluded.open_since, next_probe_at = excluded.next_probe_at, changed_at = excluded.changed_at
      where g.open_since is null
    returning 1`.execute(db);
  return rows.length > 0;
}

/** Takes the right to one probe; one per `probeMs` for the whole cluster. */
export async function takeProbe(db: Db, regulator: string, probeMs: number): Promise<boolean> {
  const { rows } = await sql`/* gate.probe */
    update deptrans.gate set next_probe_at = deptrans.now() + ${probeMs} * interval '1 ms'
     where regulator = ${regulator} and open_since is not null and next_probe_at <= deptrans.now()
    returning 1`.execute(db);
  return rows.length > 0;
}

/** Says that the regulator answers again. */
export async function closeGate(db: Db, regulator: string): Promise<void> {
  await sql`/* gate.close */
    update deptrans.gate set open_since = null, next_probe_at = null, changed_at = deptrans.now()
     where regulator = ${regulator} and open_since is not null`.execute(db);
}
