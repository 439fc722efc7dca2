import type { Duplex } from 'node:stream';
import type pg from 'pg';
import { type CopyMessages, openCopyMessages, type TakeRow } from './copy-messages.ts';
import type { Db } from './database.ts';

/** Gives a connection of the pool that a `Db` stands on, past the query builder, which knows no COPY. */
const connectors = new WeakMap<Db, () => Promise<pg.PoolClient>>();

export function rememberConnector(db: Db, connect: () => Promise<pg.PoolClient>): void {
  connectors.set(db, connect);
}

/**
 * The rows of a query in PostgreSQL's binary COPY format, each as it lies in what the socket brought: the fastest way out of the database. The
 * first is preceded by the format's header, the last is its end mark. It takes as long as it takes: the time limit of statements does not
 * hold. One snapshot; whoever throws, or aborts, costs a connection.
 */
export async function copyOut(db: Db, query: string, take: TakeRow, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const client = await connectors.get(db)!();
  let isWhole = false;
  try {
    await client.query('begin; set local statement_timeout = 0');
    await copy(client, `copy (${query}) to stdout (format binary)`, take, signal);
    await client.query('commit');
    isWhole = true;
  } finally {
    client.release(!isWhole);
  }
}

async function copy(client: pg.PoolClient, text: string, take: TakeRow, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const copying = new Copying(text, take, (error) => (error ? reject(error) : resolve()));
  const leave = () => copying.fail(signal?.reason);
  signal?.addEventListener('abort', leave, { once: true });
  try {
    client.query(copying);
    await promise;
  } finally {
    signal?.removeEventListener('abort', leave);
  }
}

/** The longest that a timer can wait, ms: the driver has a limit of its own for the answer. */
const FOREVER = 2 ** 31 - 1;

type Hear = (chunk: Buffer) => void;

/** A statement of the driver's that reads the messages of a COPY itself, where they lie, and leaves all others to the driver. */
class Copying implements pg.Submittable {
  readonly query_timeout = FOREVER;
  /** The driver wraps it, to end its timer. */
  callback: (error?: unknown) => void;
  readonly #text: string;
  readonly #messages: CopyMessages;
  #stream: Duplex | null = null;
  #driver: Hear = () => {};
  #isOver = false;

  constructor(text: string, take: TakeRow, callback: (error?: unknown) => void) {
    this.#text = text;
    this.#messages = openCopyMessages(take, (message) => this.#driver(message));
    this.callback = callback;
  }

  submit(connection: pg.Connection): void {
    const { stream } = connection;
    const [driver, ...others] = stream.listeners('data') as Hear[];
    if (!driver || others.length > 0) throw new Error('The driver listens to its socket in an unknown way');
    this.#driver = driver;
    this.#stream = stream;
    stream.on('data', this.#hear);
    stream.off('data', driver);
    connection.query(this.#text);
  }

  /** Ends it, and the connection with it. */
  fail(error: unknown): void {
    this.#end(error);
    this.#stream?.destroy();
  }

  handleError(error: Error): void {
    this.#end(error);
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#end();
  }

  #end(error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.callback(error);
  }

  readonly #hear = (chunk: Buffer): void => {
    try {
      const after = this.#isOver ? null : this.#messages.read(chunk);
      if (after) this.#handBack(after);
    } catch (error) {
      this.fail(error);
    }
  };

  #handBack(chunk: Buffer): void {
    this.#stream?.on('data', this.#driver);
    this.#stream?.off('data', this.#hear);
    this.#stream = null;
    if (chunk.length > 0) this.#driver(chunk);
  }
}
