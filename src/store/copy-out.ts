import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { Db } from './database.ts';

/** Gives a connection of the pool that a `Db` stands on, past the query builder, which knows no COPY. */
const connectors = new WeakMap<Db, () => Promise<pg.PoolClient>>();

export function rememberConnector(db: Db, connect: () => Promise<pg.PoolClient>): void {
  connectors.set(db, connect);
}

/**
 * The rows of a query in PostgreSQL's binary COPY format, as chunks that end anywhere: the fastest way out of the database. It takes as long as
 * it takes: the time limit of statements does not hold. One snapshot; whoever leaves early, or aborts, costs a connection.
 */
export async function* copyOut(db: Db, query: string, signal?: AbortSignal): AsyncGenerator<Buffer, void, void> {
  signal?.throwIfAborted();
  const client = await connectors.get(db)!();
  let isWhole = false;
  try {
    await client.query('begin; set local statement_timeout = 0');
    const stream = client.query(Object.assign(copyTo(`copy (${query}) to stdout (format binary)`), FOREVER));
    const leave = () => stream.destroy(signal?.reason);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      for await (const chunk of stream) yield chunk as Buffer;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
    await client.query('commit');
    isWhole = true;
  } finally {
    client.release(!isWhole);
  }
}

/** The longest that a timer can wait, ms: the driver has a limit of its own for the answer. */
const FOREVER = { query_timeout: 2 ** 31 - 1 };
