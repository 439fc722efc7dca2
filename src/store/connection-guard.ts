import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg from 'pg';

/**
 * A pool that keeps no connection whose state is not known. An error that the server itself reported leaves a connection as good as it was; after
 * any other (no answer in time, a cut socket) its answer may still come, or never, and whoever got the connection next would wait for it.
 *
 * Guarantees: a connection that failed like this runs no further statement, a rollback included, and is destroyed when it is given back.
 */
export function guardConnections(pool: pg.Pool): PostgresPool {
  const guarded = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  return {
    options: pool.options,
    async connect() {
      const client = await pool.connect();
      const known = guarded.get(client) ?? guard(client);
      guarded.set(client, known);
      return known;
    },
    end: () => pool.end(),
  };
}

function guard(client: pg.PoolClient): PostgresPoolClient {
  let isLost = false;
  const query = async (text: string, parameters: readonly unknown[]) => {
    if (isLost) throw new Error('Connection lost by an earlier statement');
    try {
      return await client.query(text, parameters as unknown[]);
    } catch (error) {
      isLost ||= !(error instanceof pg.DatabaseError);
      throw error;
    }
  };
  return {
    query: query as unknown as PostgresPoolClient['query'], // without its second form: nothing here uses cursors
    release: (destroy = false) => client.release(destroy || isLost),
  };
}
