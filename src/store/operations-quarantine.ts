import { sql } from 'kysely';
import type { Db } from './database.ts';

/** An event in quarantine, without its contents. */
export type QuarantinedEvent = {
  id: number;
  reason: string;
  at: Date;
  topic: string;
  partition: number;
  offset: number;
  keptBytes: number;
};

/** Events of the quarantine with ids below `before`, newest first. */
export async function readQuarantine(db: Db, before: number, limit: number): Promise<QuarantinedEvent[]> {
  const { rows } = await sql<QuarantinedEvent>`/* quarantine.list */
    select id, reason, at, topic, partition, source_offset as "offset", length(payload) as "keptBytes"
      from deptrans.quarantine where id < ${before} order by id desc limit ${limit}`.execute(db);
  return rows;
}

/** Locks events of the quarantine, in the order of their ids, and reads what was kept of them; with the database's time. */
export async function lockQuarantined(
  tx: Db,
  ids: readonly number[],
): Promise<{ kept: { id: number; payload: Buffer }[]; nowMs: number }> {
  const { rows: kept } = await sql<{ id: number; payload: Buffer }>`/* quarantine.lock */
    select id, payload from deptrans.quarantine where id = any(${[...ids]}::bigint[]) order by id for update`.execute(
    tx,
  );
  const { rows } = await sql<{ ms: number }>`/* quarantine.now */
    select (extract(epoch from deptrans.now()) * 1000)::float8 as ms`.execute(tx);
  return { kept, nowMs: rows[0]!.ms };
}

/** Lets locked events go. */
export async function deleteQuarantined(tx: Db, ids: readonly number[]): Promise<void> {
  await sql`/* quarantine.take */ delete from deptrans.quarantine where id = any(${[...ids]}::bigint[])`.execute(tx);
}
