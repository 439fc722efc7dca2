import { sql } from 'kysely';
import type { Db } from './database.ts';

/** Asks the instance that counts about a policy, in the JSON of the contract. Returns the question's number. */
export async function askPreview(db: Db, policy: object): Promise<number> {
  const { rows } = await sql<{ id: number }>`/* previews.ask */
    insert into deptrans.previews (at, policy) values (deptrans.now(), ${JSON.stringify(policy)}::jsonb) returning id`.execute(
    db,
  );
  return rows[0]!.id;
}

/** The answer to a question; null: there is none yet. */
export async function readPreview(db: Db, id: number): Promise<unknown> {
  const { rows } = await sql<{ answer: unknown }>`/* previews.read */
    select answer from deptrans.previews where id = ${id}`.execute(db);
  return rows[0]?.answer ?? null;
}

/** The oldest question of the last `withinMs` that nobody has answered; null: there is none. */
export async function nextPreview(db: Db, withinMs: number): Promise<{ id: number; policy: object } | null> {
  const { rows } = await sql<{ id: number; policy: object }>`/* previews.next */
    select id, policy from deptrans.previews
     where answer is null and at > deptrans.now() - ${withinMs} * interval '1 ms' order by id limit 1`.execute(db);
  return rows[0] ?? null;
}

/** Answers a question, and forgets those that are older than `keepMs`. */
export async function answerPreview(db: Db, id: number, answer: unknown, keepMs: number): Promise<void> {
  await sql`/* previews.answer */
    with old as (delete from deptrans.previews where id <> ${id} and at < deptrans.now() - ${keepMs} * interval '1 ms')
    update deptrans.previews set answer = ${JSON.stringify(answer)}::jsonb where id = ${id}`.execute(db);
}
