import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import pg from 'pg';
import type { Db } from '../../src/store/database.ts';
import { Together } from '../../src/store/together.ts';

/** A text of a named statement that is replaced before it is sent: the fix of a trap, taken out. */
export type Mutation =
  | { statement: string; take: string; put: string }
  /** The first answer in a transaction is taken for all later ones. */
  | { statement: string; reads: 'once' };

/**
 * A database whose statements the test sees: named ones can be mutated, and a transaction can be stopped between two of them, since under READ
 * COMMITTED other transactions commit there.
 */
export type Steppable = AsyncDisposable & {
  readonly db: Db;
  /** How many statements there were. */
  readonly statements: number;
  /** From now on these mutations are made; returns those that have not been met since they were given. */
  mutate(mutations: readonly Mutation[]): void;
  unmet(): readonly Mutation[];
  /** Statements of `DURABLE` in transactions that commit without waiting for the disk, since the last `mutate`. */
  readonly loose: readonly string[];
  /** The next transaction stops before its named statement number `n`, from 1, or before the first of that name. */
  stopBefore(statement: number | string): void;
  /** Resolves when it has stopped. */
  stopped(): Promise<void>;
  /** Lets it go on to its end; nothing stops any more. */
  go(): void;
};

const types = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 && format !== 'binary'
      ? Number
      : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/** Calls are made, and others are told, once these are through. */
const DURABLE = ['intent', 'settle.suspect', 'publish'];

/** `before` is awaited before each statement. */
export function openSteppable(url: string, before?: () => Promise<void> | void): Steppable {
  const pool = new pg.Pool({ connectionString: url, max: 2, types });
  pool.on('error', () => {}); // a connection on its way out may still be told that the server stops; a statement would fail by itself
  let mutations: readonly Mutation[] = [];
  let unmet = new Set<Mutation>();
  let statements = 0;
  let loose: string[] = [];
  let left = Number.POSITIVE_INFINITY;
  let name: string | null = null;
  let halt = Promise.withResolvers<void>();
  let resume = Promise.withResolvers<void>();

  const concerned = (text: string) => mutations.filter(({ statement }) => text.startsWith(`/* ${statement} */`));
  const rewrite = (text: string) => {
    for (const mutation of concerned(text)) {
      if ('reads' in mutation) continue;
      if (!text.includes(mutation.take)) throw new Error(`${mutation.statement} has no text "${mutation.take}"`);
      text = text.replace(mutation.take, mutation.put);
      unmet.delete(mutation);
    }
    return text;
  };
  const pass = async (text: string) => {
    if (!text.startsWith('/*') || (left === Number.POSITIVE_INFINITY && name === null)) return;
    left -= 1;
    if (left > 0 && (name === null || !text.startsWith(`/* ${name} */`))) return;
    halt.resolve();
    await resume.promise;
  };
  const guard = (client: pg.PoolClient): PostgresPoolClient => {
    const kept = new Map<Mutation, unknown>();
    let isLoose = false;
    const query = async (text: string, parameters: readonly unknown[]): Promise<unknown> => {
      const [all] = parameters;
      if (all instanceof Together) {
        const rows: unknown[] = [];
        for (const one of all.statements) rows.push(((await query(one.sql, one.parameters)) as pg.QueryResult).rows);
        return { command: 'SELECT', rowCount: rows.length, rows };
      }
      await pass(text);
      await before?.();
      statements += 1;
      if (!text.startsWith('/*')) kept.clear();
      if (/^(begin|start)/i.test(text)) isLoose = false;
      if (text.includes('synchronous_commit = off')) isLoose = true;
      loose.push(...DURABLE.filter((name) => isLoose && text.startsWith(`/* ${name} */`)));
      const once = concerned(text).find((mutation) => 'reads' in mutation);
      if (once && kept.has(once)) unmet.delete(once);
      if (once && kept.has(once)) return kept.get(once);
      const result = await client.query(rewrite(text), [...parameters]);
      if (once) kept.set(once, result);
      return result;
    };
    return { query: query as unknown as PostgresPoolClient['query'], release: () => client.release() };
  };
  const stepping: PostgresPool = {
    options: pool.options,
    connect: async () => guard(await pool.connect()),
    end: () => pool.end(),
  };
  const db: Db = new Kysely({ dialect: new PostgresDialect({ pool: stepping }) });
  return {
    db,
    get statements() {
      return statements;
    },
    get loose() {
      return loose;
    },
    mutate(given) {
      loose = [];
      mutations = given;
      unmet = new Set(given);
    },
    unmet: () => [...unmet],
    stopBefore(statement) {
      [left, name] = typeof statement === 'number' ? [statement, null] : [Number.POSITIVE_INFINITY, statement];
      halt = Promise.withResolvers();
      resume = Promise.withResolvers();
    },
    stopped: () => halt.promise,
    go() {
      left = Number.POSITIVE_INFINITY;
      name = null;
      resume.resolve();
    },
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}
