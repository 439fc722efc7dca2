import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import pg from 'pg';
import type { Log } from '../runtime/log.ts';
import { type CopyMessages, openCopyMessages, type TakeRow } from './copy-messages.ts';
import { openCopySocket } from './copy-socket.ts';
import type { Db } from './database.ts';

/** How to reach the database of a `Db`: past the query builder, which knows no COPY, and past its pool. */
type Connector = { config: pg.ClientConfig; log: Log };

const connectors = new WeakMap<Db, Connector>();

export function rememberConnector(db: Db, connector: Connector): void {
  connectors.set(db, connector);
}

/**
 * The rows of a query in PostgreSQL's binary COPY format, each as it lies in what the socket brought: the fastest way out of the database. The
 * first is preceded by the format's header, the last is its end mark. It takes as long as it takes: the time limit of statements does not
 * hold. One snapshot, and a connection of its own, beside the pool's, whose socket is made for it.
 */
export async function copyOut(db: Db, query: string, take: TakeRow, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const { config, log } = connectors.get(db)!;
  // Under TLS what the socket reads is not what the driver hears.
  const stream = ({ ssl }: pg.ClientConfig = {}) => (ssl ? new Socket() : openCopySocket());
  const client = new pg.Client({ ...config, stream });
  client.on('error', (err) => log.warn({ err }, 'connection lost'));
  try {
    await client.connect();
    await client.query('begin; set local statement_timeout = 0');
    await copy(client, `copy (${query}) to stdout (format binary)`, take, signal);
    await client.query('commit');
  } finally {
    void client.end();
  }
}

async function copy(client: pg.Client, text: string, take: TakeRow, signal?: AbortSignal): Promise<void> {
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
    lend(stream, true);
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
    if (this.#stream) lend(this.#stream, false);
    this.#stream = null;
    if (chunk.length > 0) this.#driver(Buffer.from(chunk));
  }
}

function lend(stream: Duplex, lends: boolean): void {
  if ('lends' in stream) stream.lends = lends;
}
