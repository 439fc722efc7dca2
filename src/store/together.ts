import { CompiledQuery, type RawBuilder } from 'kysely';
import type { Db } from './database.ts';

/**
 * Statements that are sent in one go and run one after the other, each with a snapshot of its own: exactly as if each had waited for the one before,
 * without the way there and back between them, which costs us more than the statement. What none of them needs from another may go together.
 *
 * `ends`: they are the last of their transaction, which is committed with them in the same go; if one fails, it is rolled back.
 */
export class Together {
  readonly statements: readonly CompiledQuery[];
  readonly ends: boolean;

  constructor(statements: readonly CompiledQuery[], ends = false) {
    this.statements = statements;
    this.ends = ends;
  }
}

/**
 * Sends statements together, in their order; those that are null are left out. Returns the rows of each, none for one left out. `name` stands for all of them
 * in metrics. In a transaction, when one fails, those behind it fail too, and nothing of any of them stays; without one, each is its own.
 *
 * `ends`: nothing follows in the transaction, if there is one: it is committed when this resolves.
 */
export async function together<Rows extends readonly unknown[]>(
  tx: Db,
  name: string,
  statements: { [I in keyof Rows]: RawBuilder<Rows[I]> | null },
  { ends = false } = {},
): Promise<{ [I in keyof Rows]: Rows[I][] }> {
  const compiled = statements.map((statement) => statement?.compile(tx) ?? null);
  const given = compiled.filter((statement) => statement !== null);
  if (given.length === 0) return statements.map(() => []) as never;
  const text = `/* ${name} */`;
  const { rows } = await tx.executeQuery<unknown[]>(CompiledQuery.raw(text, [new Together(given, ends)]));
  let next = 0;
  return compiled.map((statement) => (statement ? rows[next++]! : [])) as never;
}
