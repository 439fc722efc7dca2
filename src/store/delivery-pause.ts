import { sql } from 'kysely';
import type { Db } from './database.ts';

/** A pause of delivery, for the whole cluster. */
export type DeliveryPause = { since: Date; pausedBy: string; reason: string };

/** The pause in force, or null. */
export async function readPause(db: Db): Promise<DeliveryPause | null> {
  const { rows } = await sql<DeliveryPause>`/* pause.read */
    select since, paused_by as "pausedBy", reason from deptrans.delivery_pause`.execute(db);
  return rows[0] ?? null;
}

/** Pauses delivery. Returns the pause in force: an earlier one goes on as it is. */
export async function beginPause(db: Db, by: { pausedBy: string; reason: string }): Promise<DeliveryPause> {
  const { rows } = await sql<DeliveryPause>`/* pause.begin */
    insert into deptrans.delivery_pause as p (since, paused_by, reason) values (deptrans.now(), ${by.pausedBy}, ${by.reason})
    on conflict (only_row) do update set since = p.since
    returning since, paused_by as "pausedBy", reason`.execute(db);
  return rows[0]!;
}

/** Ends the pause and returns it, or null if there was none. */
export async function endPause(db: Db): Promise<DeliveryPause | null> {
  const { rows } = await sql<DeliveryPause>`/* pause.end */
    delete from deptrans.delivery_pause returning since, paused_by as "pausedBy", reason`.execute(db);
  return rows[0] ?? null;
}
