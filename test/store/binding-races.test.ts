import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { bind } from '../../src/store/bindings.ts';
import { inTransaction } from '../../src/store/database.ts';
import { lockMapping } from '../../src/store/locks.ts';
import { bindNow, bindOptions, driverOf, idOf, known, save } from '../support/bindings.ts';
import { openTestDatabase } from '../support/database.ts';
import { addPerson, readBindings } from '../support/people.ts';

test('of two checks of one id that ran at once, one is saved and the other must check again', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await addPerson(db, 'ann');
  await addPerson(db, 'bob');
  const callers = { ann: await known(db, 'ann', '1'), bob: await known(db, 'bob', '1') };

  const saved = await Promise.all([save(db, 'ann', '1', callers.ann), save(db, 'bob', '1', callers.bob)]);

  expect(saved.filter((binding) => binding === null)).toHaveLength(1);
  const { bindings } = await readBindings(db);
  expect(Object.values(bindings)).toHaveLength(1);
});

test('whoever holds the mapping too long is not waited for', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await addPerson(db, 'ann');
  const checked = await known(db, 'ann', '1');
  await inTransaction(db, async (holder) => {
    await lockMapping(holder);
    const waiting = inTransaction(db, (tx) =>
      bind(tx, { driver: driverOf('ann'), deptransId: idOf('1'), ...checked }, { ...bindOptions, lockTimeoutMs: 50 }),
    );
    await expect(waiting).rejects.toMatchObject({ code: '55P03' });
  });
});

test('many people who take few ids from each other at once leave one owner per id, and no deadlock', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay'];
  for (const person of people) await addPerson(db, person);
  const ids = ['1', '2', '3'];
  let saved = 0;
  const work = async (person: string, seed: number) => {
    for (let i = 0; i < 12; i++) {
      if (await bindNow(db, person, ids[(seed * 7 + i * (seed + 1)) % ids.length]!)) saved += 1;
    }
  };

  await Promise.all(people.map(work));

  const { bindings, accounts } = await readBindings(db);
  const owned = Object.values(bindings).flatMap(({ deptrans_id }) => deptrans_id ?? []);
  expect(new Set(owned).size).toBe(owned.length);
  expect(owned.length).toBeGreaterThan(0);
  expect(Object.values(accounts).every(({ dirty, due_at }) => dirty && due_at !== null)).toBe(true);
  // Each save can spoil the checks of the five others at most.
  expect(saved).toBeGreaterThanOrEqual(12);
  const { rows } = await sql<{ n: number }>`select count(*) as n from deptrans.journal where outcome = 'bound'`.execute(
    db,
  );
  expect(rows[0]?.n).toBe(saved);
});
