import { sql } from 'kysely';
import { expect, inject, test } from 'vitest';
import { openTcpProxy } from '../../soak/postgres/tcp-proxy.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { type Db, inTransaction, isDatabaseAway, openDatabase } from '../../src/store/database.ts';
import { together } from '../../src/store/together.ts';

/** An answer is waited for as long as both together. */
const STATEMENT_MS = 500;
const CONNECT_MS = 3_500;

async function openBehindProxy() {
  const stack = new AsyncDisposableStack();
  const server = new URL(inject('postgresUrl'));
  const proxy = stack.use(await openTcpProxy(Number(server.port)));
  server.port = String(proxy.port);
  const { db } = stack.use(
    openDatabase({
      url: server.href,
      maxConnections: 1,
      statementTimeoutMs: STATEMENT_MS,
      connectTimeoutMs: CONNECT_MS,
      applicationName: 'behind a proxy',
      log: openLog('silent'),
      timer: openMetrics(systemClock).timer('store'),
    }),
  );
  const pid = async () => (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)).rows[0]!.pid;
  return { db, proxy, pid, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test.each<[string, (world: { db: Db; pid(): Promise<unknown> }) => Promise<unknown>]>([
  ['alone', ({ pid }) => pid()],
  ['in a transaction', ({ db }) => inTransaction(db, (tx) => sql`select 1`.execute(tx))],
])('a connection that fell silent is not used again, %s', async (_, work) => {
  await using world = await openBehindProxy();
  const first = await world.pid();
  world.proxy.swallow();
  const began = performance.now();
  const failure = await work(world).then(
    () => null,
    (error: unknown) => error,
  );
  expect(isDatabaseAway(failure)).toBe(true);
  expect(String(failure)).toMatch(/timeout/);
  // One wait: no rollback waits for as long again.
  expect(performance.now() - began).toBeLessThan(2 * (STATEMENT_MS + CONNECT_MS));
  world.proxy.heal();
  expect(await world.pid()).not.toBe(first);
});

test('a connection whose statement the server refused is kept, one that the server ended is not', async () => {
  await using world = await openBehindProxy();
  const { db, pid } = world;
  const first = await pid();
  await expect(sql`select 1 / 0`.execute(db)).rejects.toThrow('division by zero');
  await expect(sql`select pg_sleep(60)`.execute(db)).rejects.toThrow('statement timeout');
  expect(await pid()).toBe(first);
  await expect(
    inTransaction(db, (tx) => sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx)),
  ).rejects.toSatisfy(isDatabaseAway);
  expect(await pid()).not.toBe(first);
});

test('whoever began a transaction hears why it failed, not that the connection could not roll back', async () => {
  await using world = await openBehindProxy();
  const { db, proxy, pid } = world;
  const first = await pid();
  const ended = inTransaction(db, async (tx) => {
    await sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx).catch(() => {});
    throw new Error('changed its mind');
  });
  await expect(ended).rejects.toThrow('changed its mind');
  expect(await pid()).not.toBe(first);
  const silent = inTransaction(db, async (tx) => {
    await sql`select 1`.execute(tx);
    proxy.swallow();
    await sql`select 2`.execute(tx).catch(() => {});
    await sql`select 3`.execute(tx);
  });
  const why = { message: expect.stringMatching(/timeout/) };
  await expect(silent).rejects.toMatchObject({ message: expect.stringContaining('earlier'), cause: why });
});

test('what is said to be the last of a transaction commits with it, or rolls it back, and nothing may follow', async () => {
  await using world = await openBehindProxy();
  const { db } = world;
  await sql`drop table if exists ended; create table ended (n int primary key)`.execute(db);
  const kept = async () =>
    (await sql<{ n: number }>`select n from ended order by n`.execute(db)).rows.map(({ n }) => n);
  const add = (n: number) => sql`insert into ended values (${n}) returning n`;
  const last = (tx: Db, ...all: number[]) => together(tx, 'last', all.map(add), { ends: true });

  expect(await inTransaction(db, (tx) => last(tx, 1, 2))).toEqual([[{ n: 1 }], [{ n: 2 }]]);
  await inTransaction(db, async (tx) => [await add(3).execute(tx), await last(tx, 4)]);
  expect(await kept()).toEqual([1, 2, 3, 4]);

  await expect(inTransaction(db, (tx) => last(tx, 5, 1))).rejects.toThrow('duplicate key');
  await expect(inTransaction(db, async (tx) => [await add(6).execute(tx), await last(tx, 7, 1)])).rejects.toThrow(
    'duplicate key',
  );
  expect(await kept()).toEqual([1, 2, 3, 4]);

  const late = inTransaction(db, async (tx) => [await last(tx, 8), await add(9).execute(tx)]);
  await expect(late).rejects.toThrow('A statement after the last one of its transaction');
  expect(await kept()).toEqual([1, 2, 3, 4, 8]);

  expect(await last(db, 10)).toEqual([[{ n: 10 }]]); // outside of a transaction there is none to end
  await inTransaction(db, (tx) => add(11).execute(tx));
  expect(await kept()).toEqual([1, 2, 3, 4, 8, 10, 11]);
});
