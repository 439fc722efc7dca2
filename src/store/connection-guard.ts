import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { Prepared } from './prepared.ts';
import { Together } from './together.ts';

/**
 * A pool that keeps no connection whose state is not known, and goes to the server as seldom as it can.
 *
 * An error that the server itself reported leaves a connection as good as it was; after any other (no answer in time, a cut socket) its answer may
 * still come, or never, and whoever got the connection next would wait for it. What opens a transaction is sent with its first statement, what ends
 * it with those that are said to be its last, and statements that are `Together` in one go.
 *
 * Guarantees: a connection that failed like this runs no further statement and is destroyed when it is given back; statements run in the order in which they
 * were given; a rollback never fails, since a connection that cannot do it is destroyed, which rolls back too. So whoever began a transaction hears why it
 * failed, and not that it could not be rolled back.
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

type Answer = { command: string; rowCount: number | null; rows: unknown[] };
type Send = () => Promise<Answer>;

/** What the driver has beyond its types: whether it sends statements before the answer to the last one, and the socket. */
type Wire = { pipeline: boolean; connection: { stream: { cork(): void; uncork(): void } } };

const OPENS = /^(begin|start transaction|set local)\b/;
const CLOSES = /^(commit|rollback)$/;

function guard(client: pg.PoolClient): PostgresPoolClient {
  const wire = client as unknown as Wire;
  /** What the connection was lost by. */
  let lost: { by: unknown } | null = null;
  let opening: string[] = [];
  let isOpen = false;
  let hasEnded = false; // before its user said so

  /** Sends statements in one go and waits for all of them: none is in the air when this ends, unless the connection is lost. */
  const send = async (statements: readonly Send[], ends = false): Promise<Answer[]> => {
    if (lost) throw new Error('Connection lost by an earlier statement', { cause: lost.by });
    if (hasEnded) throw new Error('A statement after the last one of its transaction');
    const opened = opening.length > 0;
    isOpen ||= opened;
    hasEnded = ends && isOpen;
    const all = [...(opened ? [plain(opening.join('; '))] : []), ...statements, ...(hasEnded ? [plain('commit')] : [])];
    opening = [];
    wire.connection.stream.cork();
    wire.pipeline = all.length > 1;
    const sent = all.map((one) => one());
    wire.connection.stream.uncork();
    const answers = await Promise.allSettled(sent);
    wire.pipeline = false;
    const failed = answers.find((end) => end.status === 'rejected');
    if (!failed) return answers.slice(opened ? 1 : 0).map((end) => (end as PromiseFulfilledResult<Answer>).value);
    // Where no transaction was opened, what came after ran outside of one.
    if (!(failed.reason instanceof pg.DatabaseError) || (opened && answers[0] === failed)) lost = { by: failed.reason };
    throw failed.reason;
  };

  const plain =
    (text: string): Send =>
    () =>
      client.query(text) as unknown as Promise<Answer>;
  const statement =
    (text: string, parameters: readonly unknown[]): Send =>
    () => {
      const [first] = parameters;
      if (!(first instanceof Prepared)) return client.query(text, [...parameters]);
      return client.query({ name: first.name, text, values: [...first.parameters] });
    };

  const query = async (text: string, parameters: readonly unknown[]): Promise<Answer> => {
    const [first] = parameters;
    if (first instanceof Together) {
      const { statements, ends } = first;
      const answers = await send(
        statements.map((one) => statement(one.sql, one.parameters)),
        ends,
      );
      return {
        command: 'SELECT',
        rowCount: statements.length,
        rows: answers.slice(0, statements.length).map(({ rows }) => rows),
      };
    }
    if (OPENS.test(text) && !lost) {
      opening.push(text);
      return { command: 'BEGIN', rowCount: null, rows: [] };
    }
    if (CLOSES.test(text)) {
      const isDone = hasEnded || opening.length > 0;
      [opening, isOpen, hasEnded] = [[], false, false];
      if (isDone) return { command: text.toUpperCase(), rowCount: null, rows: [] };
    }
    if (text === 'rollback') return rollBack();
    return (await send([statement(text, parameters)]))[0]!;
  };

  const rollBack = async (): Promise<Answer> => {
    try {
      if (!lost) await send([statement('rollback', [])]);
    } catch (error) {
      lost ??= { by: error };
    }
    return { command: 'ROLLBACK', rowCount: null, rows: [] };
  };
  return {
    query: query as unknown as PostgresPoolClient['query'], // without its second form: nothing here uses cursors
    release(destroy = false) {
      [opening, isOpen, hasEnded] = [[], false, false];
      client.release(destroy || lost !== null);
    },
  };
}
