import { sql } from 'kysely';
import type { Db } from './database.ts';

/** Whether the regulator answers and how busy it is, as the whole cluster sees it. */
export type GateState = {
  /** It does not answer: only probes go out. */
  shut: boolean;
  /** Allowed calls a second; null: never called. */
  rate: number | null;
  /** How far ahead slots are taken, ms; 0: none. */
  backlogMs: number;
};

export async function readGate(db: Db, regulator: string): Promise<GateState> {
  const { rows } = await sql<{ shut: boolean; rate: number | null; backlog_ms: number }>`/* gate.read */
    select open_since is not null as shut, rate,
           greatest(0, coalesce(extract(epoch from next_slot_at - deptrans.now())::float8 * 1000, 0)) as backlog_ms
      from deptrans.gate where regulator = ${regulator}`.execute(db);
  const row = rows[0];
  return { shut: row?.shut ?? false, rate: row?.rate ?? null, backlogMs: row?.backlog_ms ?? 0 };
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

/**
 * Says that the regulator answers again. Who has just come back is not run over: the rate begins at a quarter of what it was and finds its way
 * back with the successes.
 */
export async function closeGate(db: Db, regulator: string): Promise<void> {
  await sql`/* gate.close */
    update deptrans.gate set open_since = null, next_probe_at = null, changed_at = deptrans.now(),
        rate_hint = greatest(rate, rate_hint), rate = greatest(0.5::float8, rate / 4)
     where regulator = ${regulator} and open_since is not null`.execute(db);
}
