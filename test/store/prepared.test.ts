import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { inTransaction } from '../../src/store/database.ts';
import { runPrepared } from '../../src/store/prepared.ts';
import { openTestDatabase } from '../support/database.ts';

const SUM = { name: 'test.sum', text: '/* test.sum */ select $1::int + $2::int as sum, pg_backend_pid() as pid' };
const LOCK = { name: 'test.lock', text: '/* test.lock */ select pg_advisory_xact_lock($1)' };

test('a statement is planned once on each connection, and answers for what it is given', async () => {
  await using database = await openTestDatabase();
  await inTransaction(database.db, async (tx) => {
    for (let i = 0; i < 3; i++) expect(await runPrepared(tx, SUM, [i, 40])).toMatchObject([{ sum: 40 + i }]);
    const { rows } = await sql`select name, generic_plans + custom_plans as runs from pg_prepared_statements`.execute(
      tx,
    );
    expect(rows).toEqual([{ name: 'test.sum', runs: 3 }]);
  });
  const many = await Promise.all(
    [1, 2, 3].map((n) => runPrepared<{ sum: number; pid: number }>(database.db, SUM, [n, n])),
  );
  expect(many.map(([row]) => row!.sum)).toEqual([2, 4, 6]);
  expect(new Set(many.map(([row]) => row!.pid)).size).toBe(3);
});

test('whoever stops waiting is told why at once; the connection is kept for others', async () => {
  await using database = await openTestDatabase({ maxConnections: 2 });
  const { db } = database;
  const leaving = new AbortController();
  await inTransaction(db, async (tx) => {
    await sql`select pg_advisory_xact_lock(1)`.execute(tx);
    const waiting = runPrepared(db, LOCK, [1], leaving.signal);
    leaving.abort(new Error('no time'));
    // The lock is held until this is over, so it is not the statement that ended.
    await expect(waiting).rejects.toThrow('no time');
  });
  // Both connections are needed at once.
  await inTransaction(db, async (tx) => {
    expect(await runPrepared(tx, SUM, [1, 1])).toMatchObject([{ sum: 2 }]);
    expect(await runPrepared(db, SUM, [1, 2])).toMatchObject([{ sum: 3 }]);
  });
  await expect(runPrepared(db, SUM, [1, 1], leaving.signal)).rejects.toThrow('no time');
});
