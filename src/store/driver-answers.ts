import { sql } from 'kysely';
import type { Db } from './database.ts';

/** The answer to a driver's idempotency key. */
export type DriverAnswer = {
  keyHash: Buffer;
  idHash: Buffer;
  /** Null: the id was refused. */
  boundAt: Date | null;
};

/** What was answered to the key, if anything. */
export async function recallAnswer(db: Db, keyHash: Buffer): Promise<DriverAnswer | null> {
  const { rows } = await sql<{ id_hash: Buffer; bound_at: Date | null }>`/* driver_answers.recall */
    select id_hash, bound_at from deptrans.driver_answers where key_hash = ${keyHash}`.execute(db);
  const row = rows[0];
  return row ? { keyHash, idHash: row.id_hash, boundAt: row.bound_at } : null;
}

/** Remembers an answer; the first to a key stays. */
export async function rememberAnswer(db: Db, { keyHash, idHash, boundAt }: DriverAnswer): Promise<void> {
  await sql`/* driver_answers.remember */
    insert into deptrans.driver_answers (key_hash, id_hash, at, bound_at) values (${keyHash}, ${idHash}, deptrans.now(), ${boundAt})
    on conflict do nothing`.execute(db);
}

export async function deleteDriverAnswers(db: Db, keepDays: number, limit: number): Promise<number> {
  const { rows } = await sql`/* retention.driver_answers */
    delete from deptrans.driver_answers where key_hash in (
      select key_hash from deptrans.driver_answers where at < (select deptrans.now()) - ${keepDays} * interval '1 day' order by at limit ${limit})
    returning 1`.execute(db);
  return rows.length;
}
