import { CompiledQuery } from 'kysely';
import { offAbort, onAbort } from '../runtime/on-abort.ts';
import type { Db } from './database.ts';

/** A statement with a constant text, whose name is the one in the comment with which it begins, and no other statement's. */
export type Statement = { name: string; text: string };

/**
 * Parameters of a statement that is parsed and planned once on each connection, and run under its name from then on: for what is asked many times a
 * second, where planning takes the server longer than answering.
 */
export class Prepared {
  readonly name: string;
  readonly parameters: readonly unknown[];

  constructor(name: string, parameters: readonly unknown[]) {
    this.name = name;
    this.parameters = parameters;
  }
}

/** Runs a statement under its name. Rejects with the reason of `signal` when that aborts; the statement then ends by itself. */
export async function runPrepared<Row>(
  db: Db,
  { name, text }: Statement,
  parameters: readonly unknown[],
  signal?: AbortSignal,
): Promise<Row[]> {
  signal?.throwIfAborted();
  const query = CompiledQuery.raw(text, [new Prepared(name, parameters)]) as CompiledQuery<Row>;
  const { rows } = await orAborted(db.executeQuery(query), signal);
  return rows;
}

/** The query builder's own way to listen to a signal costs as much as the rest of a short statement. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const leave = onAbort(signal, () => reject(signal.reason));
    work.then(resolve, reject).finally(() => offAbort(signal, leave));
  });
}
