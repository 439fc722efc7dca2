import { CompiledQuery, Kysely, PostgresDialect, type Transaction } from 'kysely';
import pg from 'pg';
import type { Log } from '../runtime/log.ts';
import type { Timer } from '../runtime/metrics.ts';
import { guardConnections } from './connection-guard.ts';
import { rememberConnector } from './copy-out.ts';
import type { Schema } from './schema.ts';

/**
 * The connection to the service's own PostgreSQL. Statements live in this folder only, take `db` first (a connection or a transaction,
 * they do not care which) and begin with a comment `/* name *​/` that names them in metrics and in `pg_stat_activity`.
 *
 * bigint columns come as numbers (all of ours stay below 2^53), timestamptz as Date.
 */
export type Db = Kysely<Schema>;

export type DatabaseOptions = {
  url: string;
  maxConnections: number;
  /** A statement longer than this is cancelled by the server. */
  statementTimeoutMs: number;
  /** How long to wait for a connection before giving up. */
  connectTimeoutMs: number;
  applicationName: string;
  log: Log;
  timer: Timer;
};

const types = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 && format !== 'binary'
      ? Number
      : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/** Opens a pool. Nothing is connected yet. Disposing it closes the connections. */
export function openDatabase(options: DatabaseOptions): { db: Db } & AsyncDisposable {
  const { log, timer } = options;
  const config: pg.ClientConfig = {
    connectionString: options.url,
    connectionTimeoutMillis: options.connectTimeoutMs,
    statement_timeout: options.statementTimeoutMs,
    idle_in_transaction_session_timeout: options.statementTimeoutMs,
    query_timeout: options.statementTimeoutMs + options.connectTimeoutMs,
    keepAlive: true,
    application_name: options.applicationName,
    options: '-c random_page_cost=1.1', // our rows lie in memory or on flash: by key is cheaper than all of them, which the default doubts
    types,
  };
  const pool = new pg.Pool({ ...config, max: options.maxConnections });
  // A connection that dies while idle or in use must never end the process; its user gets the error of its own statement.
  pool.on('error', (err) => log.warn({ err }, 'connection lost'));
  pool.on('connect', (client) => client.on('error', (err) => log.warn({ err }, 'connection lost')));
  const db = new Kysely<Schema>({
    dialect: new PostgresDialect({ pool: guardConnections(pool) }),
    log: (event) =>
      timer.observe(
        nameOf(event.query),
        event.level === 'error' ? codeOf(event.error) : 'ok',
        event.queryDurationMillis,
      ),
  });
  rememberConnector(db, { config, log });
  return { db, [Symbol.asyncDispose]: () => db.destroy() };
}

export type TransactionOptions = {
  /** Commit without waiting for the disk: only where losing the whole commit is as if it had never begun. */
  asyncCommit?: boolean;
};

/** Runs `work` in one READ COMMITTED transaction: "lock, then read in the next statement" relies on a snapshot per statement. */
export function inTransaction<T>(
  db: Db,
  work: (tx: Transaction<Schema>) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  return db
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (tx) => {
      if (options.asyncCommit) await tx.executeQuery(CompiledQuery.raw('set local synchronous_commit = off'));
      return work(tx);
    });
}

/** True for errors that mean "the database is away", as against "the statement is wrong". */
export function isDatabaseAway(error: unknown): boolean {
  const code = codeOf(error);
  if (/^(08|53|57P|25P03|58)/.test(code) || /^E[A-Z]+$/.test(code)) return true;
  return (
    error instanceof Error && /timeout|terminated|Connection|ended|closed/i.test(error.message) && !/^\d/.test(code)
  );
}

function nameOf(query: CompiledQuery): string {
  return (
    /^\s*\/\* ([\w.-]{1,40}) \*\//.exec(query.sql)?.[1] ??
    query.query.kind.replace(/(QueryNode|Node)$/, '').toLowerCase()
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'error';
}
