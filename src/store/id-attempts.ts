import { sql } from 'kysely';
import type { Db } from './database.ts';

/** A budget of attempts: `size` of them, and one more each `stepMs`. */
export type Budget = { scope: 'person' | 'address' | 'service'; key: Buffer; size: number; stepMs: number };

/** Takes one attempt of each budget, or of none; then the one that is empty, and in how many ms it has an attempt again. */
export async function takeAttempt(
  db: Db,
  budgets: readonly Budget[],
): Promise<{ refused: Budget['scope']; waitMs: number } | null> {
  const { rows } = await sql<{ refused: Budget['scope'] | null; wait_ms: number }>`/* id_attempts.take */
    select * from deptrans.take_attempt(${scopes(budgets)}, ${keys(budgets)}, ${budgets.map(({ size }) => size)}::int[], ${steps(budgets)})`.execute(
    db,
  );
  const { refused, wait_ms: waitMs } = rows[0]!;
  return refused === null ? null : { refused, waitMs };
}

/** Gives back what an attempt took. */
export async function giveAttemptBack(db: Db, budgets: readonly Budget[]): Promise<void> {
  await sql`/* id_attempts.give_back */
    select deptrans.give_attempt_back(${scopes(budgets)}, ${keys(budgets)}, ${steps(budgets)})`.execute(db);
}

/** Budgets that are full say nothing. */
export async function deleteFullBudgets(db: Db, limit: number): Promise<number> {
  const { rows } = await sql`/* retention.id_attempts */
    delete from deptrans.id_attempts where (scope, key) in (
      select scope, key from deptrans.id_attempts where full_at < (select deptrans.now()) limit ${limit} for update skip locked)
    returning 1`.execute(db);
  return rows.length;
}

function scopes(budgets: readonly Budget[]) {
  return sql`${budgets.map(({ scope }) => scope)}::text[]`;
}

function keys(budgets: readonly Budget[]) {
  return sql`${budgets.map(({ key }) => key)}::bytea[]`;
}

function steps(budgets: readonly Budget[]) {
  return sql`${budgets.map(({ stepMs }) => `${stepMs} milliseconds`)}::interval[]`;
}
