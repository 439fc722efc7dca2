import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { type Metrics, openMetrics } from '../../src/runtime/metrics.ts';
import { type Db, openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';

/**
 * A PostgreSQL of the benchmark's own, on loopback, durable unless asked otherwise, deleted at the end. One database is made ready as a template; each turn of a
 * benchmark works on a fresh copy of it, so that no turn pays for the one before.
 */
export type BenchServer = AsyncDisposable & {
  /** Makes the template: the service's schema, and what `fill` adds. Once. */
  prepare(fill: (db: Db, url: string) => Promise<void>): Promise<void>;
  /** A copy of the template, dropped when disposed. */
  copy(): Promise<BenchDatabase>;
  /** CPU that the server's processes have used since the start, ms; NaN where the system does not tell. */
  cpuMs(): Promise<number>;
};

export type BenchDatabase = AsyncDisposable & { db: Db; metrics: Metrics; url: string };

const TEMPLATE = 'bench_template';

export async function openBenchServer({ durable = true } = {}): Promise<BenchServer> {
  const server = await startPostgres({ durable });
  const postmaster = await admin(server.url, "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1) as pid");
  let copies = 0;
  const open = (name: string) => openBenchDatabase(server.url.replace(/\/postgres$/, `/${name}`));
  return {
    async prepare(fill) {
      await admin(server.url, `create database ${TEMPLATE}`);
      await using template = open(TEMPLATE);
      await migrate(template.db);
      await fill(template.db, template.url);
    },
    async copy() {
      copies += 1;
      const name = `bench_${copies}`;
      await admin(server.url, `create database ${name} template ${TEMPLATE} strategy file_copy`);
      const database = open(name);
      return {
        ...database,
        async [Symbol.asyncDispose]() {
          await database[Symbol.asyncDispose]();
          await admin(server.url, `drop database ${name} with (force)`);
        },
      };
    },
    cpuMs: () => familyCpuMs(Number(postmaster?.['pid'])),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** A connection to a database of a benchmark, as the service makes it. */
export function openBenchDatabase(url: string, maxConnections = 20): BenchDatabase {
  const metrics = openMetrics(systemClock);
  const database = openDatabase({
    url,
    maxConnections,
    statementTimeoutMs: 300_000,
    connectTimeoutMs: 5_000,
    applicationName: 'bench',
    log: openLog('silent'),
    timer: metrics.timer('store'),
  });
  return { url, db: database.db, metrics, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

async function admin(url: string, statement: string): Promise<Record<string, unknown> | undefined> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(statement)).rows[0];
  } finally {
    await client.end();
  }
}

/** CPU of a process and its children, the ended ones included, from /proc (whose unit is a hundredth of a second). */
async function familyCpuMs(pid: number): Promise<number> {
  const names = await readdir('/proc').catch(() => []);
  const stats = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((name) => readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')),
  );
  let ticks = Number.NaN;
  for (const stat of stats) {
    const [own, rest] = [
      Number.parseInt(stat, 10),
      stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number),
    ];
    const [parent, user = 0, system = 0, endedUser = 0, endedSystem = 0] = [rest[1], ...rest.slice(11, 15)];
    if (own === pid) ticks = (ticks || 0) + user + system + endedUser + endedSystem;
    else if (parent === pid) ticks = (ticks || 0) + user + system;
  }
  return ticks * 10;
}
