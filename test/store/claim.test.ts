import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { claim, claimStale } from '../../src/store/claim.ts';
import { inTransaction } from '../../src/store/database.ts';
import { openTestDatabase } from '../support/database.ts';

const LEASE_MS = 10_000;
const REFRESH_MS = 900_000;

test('after a failover nobody is claimed before lost calls have ended, neither who is due nor who is to be read again', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await sql`insert into deptrans.reports (deptrans_id, believed, due_at, reread_at, session_read_at) values
    ('1', false, deptrans.now(), null, null), ('2', true, null, deptrans.now(), deptrans.now()),
    ('3', true, null, null, deptrans.now() - interval '1 hour')`.execute(db);
  const claimed = async () => {
    const due = await inTransaction(db, (tx) => claim(tx, 10, LEASE_MS));
    const issued = await inTransaction(db, (tx) => claimStale(tx, 10, LEASE_MS, REFRESH_MS));
    const stale = await inTransaction(db, (tx) => claimStale(tx, 10, LEASE_MS, REFRESH_MS));
    return [due, issued, stale].map(({ looks }) => looks.map(({ account }) => account.deptransId));
  };
  await sql`update deptrans.delivery_history set claims_from = deptrans.now() + interval '1 minute'`.execute(db);
  expect(await claimed()).toEqual([[], [], []]);
  await database.advance(61_000);
  expect(await claimed()).toEqual([['1'], ['2'], ['3']]);
});
