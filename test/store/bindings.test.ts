import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { readCaller, unbind } from '../../src/store/bindings.ts';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { accountHash } from '../../src/store/journal.ts';
import { bindNow, driverOf, idOf, KEY, known, save } from '../support/bindings.ts';
import { openTestDatabase } from '../support/database.ts';
import { addPerson, addProfile, completeMirror, queueHandedOver, readBindings } from '../support/people.ts';

const setSession = (db: Db, id: string) =>
  sql`update deptrans.reports set session_id = 's', session_status = 'online', session_end = '2030-01-01', session_end_is_estimate = true,
        region = 'moscow', due_at = null, dirty = false where deptrans_id = ${id}`.execute(db);

const journal = async (db: Db) =>
  (
    await sql<{ line: string }>`select concat_ws(' ', driver_license_pd_id, outcome, reason, driver_id) as line
    from deptrans.journal where kind = 'binding' order by at, outcome desc, driver_license_pd_id`.execute(db)
  ).rows.map(({ line }) => line);

const lastChange = async (db: Db) =>
  db
    .selectFrom('deptrans.feed_log')
    .select(['sessions', 'bindings', 'profiles'])
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();

test('a caller is known by its profile; not known means two things', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const no = await addPerson(db, 'ann');
  await addProfile(db, 'ann', 'gone');
  await sql`update deptrans.driver_persons set deleted = true where driver_id = 'gone'`.execute(db);
  const read = (driver: string) => readCaller(db, driverOf(driver), null);

  expect(await read('ann')).toEqual({
    person: 'ann',
    personNo: no,
    binding: null,
    parked: false,
    seen: { person: null, account: null },
  });
  expect([await read('nobody'), await read('gone')]).toEqual(['not_ready', 'not_ready']);
  await completeMirror(db);
  expect([await read('nobody'), await read('gone')]).toEqual(['no_person', 'no_person']);
});

test('a first binding makes the account, wakes it, routes the rows of the person anew and is published and written down', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const no = await addPerson(db, 'ann');
  await queueHandedOver(db, 'ann');

  const saved = await bindNow(db, 'ann', '0042');

  const { bindings, accounts, sessions } = await readBindings(db);
  expect(saved).toEqual({ deptransId: '42', state: 'bound', updatedAt: bindings['ann']?.updated_at });
  expect(bindings['ann']).toMatchObject({ deptrans_id: '42', state: 'bound', person_no: no, seq: 1 });
  expect(bindings['ann']?.checked_at).toEqual(saved?.updatedAt);
  expect(accounts['42']).toMatchObject({ believed: false, dirty: true, due_at: expect.any(Date), lease_token: null });
  expect(sessions).toEqual({});
  expect((await db.selectFrom('deptrans.status_queue').select('due_at').executeTakeFirst())?.due_at).toBeInstanceOf(
    Date,
  );
  expect(await lastChange(db)).toEqual({ sessions: [], bindings: [no], profiles: [] });
  expect(await journal(db)).toEqual(['ann bound checked ann']);
  const { rows } = await sql<{ account: Buffer }>`select account from deptrans.journal`.execute(db);
  expect(rows[0]?.account.toString('hex')).toBe(accountHash(KEY, '42'));
  expect(await readCaller(db, driverOf('ann'), idOf('42'))).toMatchObject({ binding: saved });
});

test('a takeover unbinds the earlier owner, moves the session, clears the parking and looks at both again', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const [ann, bob] = [await addPerson(db, 'ann'), await addPerson(db, 'bob')];
  await bindNow(db, 'ann', '42');
  await setSession(db, '42');
  await sql`update deptrans.reports set parked_reason = 'driver_blocked', park_until = '2030-01-01', park_count = 3`.execute(
    db,
  );
  await sql`insert into deptrans.session_statuses (driver_license_pd_id, person_no, session_status, updated_at, ended_at, end_is_estimate, deptrans_id, region)
    values ('ann', ${ann}, 'online', deptrans.now(), '2030-01-01', true, '42', 'moscow')`.execute(db);
  await queueHandedOver(db, 'ann');
  await queueHandedOver(db, 'bob');

  await bindNow(db, 'bob', '42');

  const { bindings, accounts, sessions } = await readBindings(db);
  expect(bindings['ann']).toMatchObject({ deptrans_id: null, state: 'unbound' });
  expect(bindings['bob']).toMatchObject({ deptrans_id: '42', state: 'bound' });
  expect(accounts['42']).toMatchObject({
    dirty: true,
    due_at: expect.any(Date),
    parked_reason: null,
    park_until: null,
    park_count: 0,
  });
  expect(sessions['ann']).toMatchObject({ deleted: true, deptrans_id: null });
  expect(sessions['bob']).toMatchObject({
    deleted: false,
    session_status: 'online',
    ended_at: new Date('2030-01-01'),
    end_is_estimate: true,
    deptrans_id: '42',
    region: 'moscow',
  });
  const waiting = await db.selectFrom('deptrans.status_queue').select('due_at').execute();
  expect(waiting.every(({ due_at }) => due_at !== null)).toBe(true);
  expect(await lastChange(db)).toEqual({ sessions: [ann, bob], bindings: [ann, bob], profiles: [] });
  expect(await journal(db)).toEqual([
    'ann bound checked ann',
    'ann unbound taken_over bob',
    'bob bound taken_over bob',
  ]);
});

test('a person who changes ids leaves one account to be closed and gets the session of the other', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await addPerson(db, 'ann');
  await bindNow(db, 'ann', '1');
  await setSession(db, '1');
  const before = (await readBindings(db)).accounts['1']!;

  await bindNow(db, 'ann', '2');

  const { bindings, accounts, sessions } = await readBindings(db);
  expect(bindings['ann']).toMatchObject({ deptrans_id: '2' });
  expect(accounts['1']).toMatchObject({ dirty: true, due_at: expect.any(Date) });
  expect(accounts['2']).toMatchObject({ dirty: true, due_at: expect.any(Date) });
  expect(accounts['1']?.bind_no).not.toBe(before.bind_no);
  expect(sessions).toEqual({});
  expect(await journal(db)).toEqual(['ann bound checked ann', 'ann unbound checked ann', 'ann bound checked ann']);
});

test('a repeated check of the same id renews it and parks no longer', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await addPerson(db, 'ann');
  await bindNow(db, 'ann', '1');
  await sql`update deptrans.profiles set state = 'recheck'`.execute(db);
  await sql`update deptrans.reports set parked_reason = 'driver_unknown'`.execute(db);

  await bindNow(db, 'ann', '1');

  const { bindings, accounts } = await readBindings(db);
  expect(bindings['ann']).toMatchObject({ deptrans_id: '1', state: 'bound' });
  expect(accounts['1']).toMatchObject({ parked_reason: null, dirty: true });
});

test.each([
  ['the person got another id', (db: Db) => bindNow(db, 'ann', '9')],
  ['the id got an owner', (db: Db) => bindNow(db, 'bob', '1')],
  [
    'the id got an owner and lost it',
    async (db: Db) => {
      await bindNow(db, 'bob', '1');
      await inTransaction(db, (tx) => unbind(tx, 'bob', { journalKey: KEY, reason: 'test' }));
    },
  ],
  [
    'the profile is of another person',
    (db: Db) =>
      sql`update deptrans.driver_persons set (driver_license_pd_id, person_no) =
          (select driver_license_pd_id, person_no from deptrans.persons where driver_license_pd_id = 'bob') where driver_id = 'ann'`.execute(
        db,
      ),
  ],
  [
    'the profile is deleted',
    (db: Db) => sql`update deptrans.driver_persons set deleted = true where driver_id = 'ann'`.execute(db),
  ],
])('nothing is saved if since the check %s', async (_name, change) => {
  await using database = await openTestDatabase();
  const { db } = database;
  await addPerson(db, 'ann');
  await addPerson(db, 'bob');
  const checked = await known(db, 'ann', '1');
  await change(db);
  const before = await readBindings(db);

  expect(await save(db, 'ann', '1', checked)).toBeNull();

  expect(await readBindings(db)).toEqual(before);
});

test('unbinding keeps a tombstone, closes the account and takes the session away', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const ann = await addPerson(db, 'ann');
  await bindNow(db, 'ann', '1');
  await sql`insert into deptrans.session_statuses (driver_license_pd_id, person_no, session_status, updated_at, deptrans_id)
    values ('ann', ${ann}, 'online', deptrans.now(), '1')`.execute(db);
  await sql`update deptrans.reports set dirty = false, due_at = null`.execute(db);
  const cause = { journalKey: KEY, reason: 'operator' };

  expect(await inTransaction(db, (tx) => unbind(tx, 'ann', cause))).toBe(true);
  expect(await inTransaction(db, (tx) => unbind(tx, 'ann', cause))).toBe(false);

  const { bindings, accounts, sessions } = await readBindings(db);
  expect(bindings['ann']).toMatchObject({ deptrans_id: null, state: 'unbound', checked_at: expect.any(Date) });
  expect(accounts['1']).toMatchObject({ dirty: true, due_at: expect.any(Date) });
  expect(sessions['ann']).toMatchObject({ deleted: true });
  expect(await lastChange(db)).toEqual({ sessions: [ann], bindings: [ann], profiles: [] });
  expect(await journal(db)).toEqual(['ann bound checked ann', 'ann unbound operator']);
});
