import { sql } from 'kysely';
import { expect, inject, test } from 'vitest';
import { openTcpProxy } from '../../soak/postgres/tcp-proxy.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { inTransaction, isDatabaseAway, openDatabase } from '../../src/store/database.ts';

async function openBehindProxy() {
  const stack = new AsyncDisposableStack();
  const server = new URL(inject('postgresUrl'));
  const proxy = stack.use(await openTcpProxy(Number(server.port)));
  server.port = String(proxy.port);
  const { db } = stack.use(
    openDatabase({
      url: server.href,
      maxConnections: 1,
      statementTimeoutMs: 200,
      connectTimeoutMs: 300,
      applicationName: 'behind a proxy',
      log: openLog('silent'),
      timer: openMetrics(systemClock).timer('store'),
    }),
  );
  const pid = async () => (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)).rows[0]!.pid;
  return { db, proxy, pid, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test('a connection that fell silent is not used again, alone or in a transaction', async () => {
  await using world = await openBehindProxy();
  const { db, proxy, pid } = world;
  for (const work of [pid, () => inTransaction(db, (tx) => sql`select 1`.execute(tx))]) {
    await pid();
    proxy.swallow();
    const began = performance.now();
    const failure = await work().then(
      () => null,
      (error: unknown) => error,
    );
    expect(isDatabaseAway(failure)).toBe(true);
    expect(performance.now() - began).toBeLessThan(900); // one wait of 500 ms: no rollback waits for as long again
    proxy.heal();
    await pid();
  }
});

test('a connection whose statement the server refused is kept, one that the server ended is not', async () => {
  await using world = await openBehindProxy();
  const { db, pid } = world;
  const first = await pid();
  await expect(sql`select 1 / 0`.execute(db)).rejects.toThrow('division by zero');
  await expect(sql`select pg_sleep(1)`.execute(db)).rejects.toThrow('statement timeout');
  expect(await pid()).toBe(first);
  await expect(
    inTransaction(db, (tx) => sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx)),
  ).rejects.toSatisfy(isDatabaseAway);
  expect(await pid()).not.toBe(first);
});
