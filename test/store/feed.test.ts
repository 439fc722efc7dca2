import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { textOf } from '../../src/feed/text-in-place.ts';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { readTail, readTimeMarks } from '../../src/store/feed.ts';
import type { BindingRow, ProfileRow, SessionRow } from '../../src/store/feed-rows.ts';
import {
  type CopiedBinding,
  type CopiedProfile,
  type CopiedSession,
  readBindings,
  readProfiles,
  readSessions,
  type TextInPlace,
} from '../../src/store/image.ts';
import { publish } from '../../src/store/publish.ts';
import { openTestDatabase } from '../support/database.ts';
import { addPeople, moveProfiles, setBindings, setSessions } from '../support/feed/world.ts';

/** What `read` gives, a value of each row: rows are valid only while they are given. */
async function all<Row, T>(read: (db: Db, put: (row: Row) => void) => Promise<void>, db: Db, pick: (row: Row) => T) {
  const picked: T[] = [];
  await read(db, (row) => void picked.push(pick(row)));
  return picked;
}

test('an empty database has an empty tail', async () => {
  await using database = await openTestDatabase();
  const tail = await readTail(database.db, 0);
  expect(tail).toEqual({
    epoch: expect.stringMatching(/^[0-9a-f]{32}$/),
    floor: 0,
    head: 0,
    commits: [],
    profiles: [],
    bindings: [],
    sessions: [],
  });
});

test('a tail brings the commits after a number, and the rows as they are now', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const [a, b] = await addPeople(db, 2);
  await setBindings(db, [a!]);
  const known = (await setSessions(db, [a!, b!]))!;
  await setSessions(db, [b!], { status: 'unrecognised', raw: 'ПАУЗА "x"', region: null, endsInMs: null });
  await moveProfiles(db, a!, null);

  const tail = await readTail(db, known);
  expect(tail.commits.map(({ seq, prev }) => [seq, prev])).toEqual([
    [known + 1, known],
    [known + 2, known + 1],
  ]);
  expect(tail.head).toBe(known + 2);
  expect(tail.bindings).toEqual([]);
  expect(tail.profiles).toMatchObject([
    { person_no: null, driver_license_pd_id: null, deleted: false, seq: known + 2 },
  ]);
  expect(tail.sessions).toMatchObject([
    {
      person_no: b,
      session_status: 'unrecognised',
      session_status_raw: 'ПАУЗА "x"',
      ended_us: null,
      region: null,
      seq: known + 1,
    },
  ]);
  const { rows } = await sql<{ us: number }>`select (extract(epoch from updated_at) * 1000000)::bigint as us
    from deptrans.session_statuses where person_no = ${b}`.execute(db);
  expect(tail.sessions[0]!.updated_us).toBe(rows[0]!.us);

  const whole = await readTail(db, 0);
  expect(whole.commits.map(({ prev }) => prev)).toEqual([0, ...whole.commits.slice(0, -1).map(({ seq }) => seq)]);
  expect([whole.profiles.length, whole.bindings.length, whole.sessions.length]).toEqual([2, 1, 2]);
});

test('a tail is at most 500 commits, or those that reach 20,000 rows', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const [a] = await addPeople(db, 1);
  await setSessions(db, [a!]);
  for (let i = 0; i < 505; i++) await inTransaction(db, (tx) => publish(tx, { sessions: [a!] }));
  const tail = await readTail(db, 0);
  expect([tail.commits.length, tail.head - tail.commits.at(-1)!.seq]).toEqual([500, 7]);

  const { head } = tail;
  for (let i = 0; i < 3; i++) await addPeople(db, 12_000);
  const large = await readTail(db, head);
  expect([large.commits.length, large.profiles.length]).toEqual([2, 24_000]);
  const larger = await readTail(db, large.commits.at(-1)!.seq);
  expect([larger.commits.length, larger.profiles.length]).toEqual([1, 12_000]);
});

test('times are marked once a second', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  expect(await readTimeMarks(db)).toEqual([]);
  await sql`insert into deptrans.feed_log (seq, prev, at, sessions, bindings, profiles)
    select i, i - 1, timestamptz '2026-01-01 00:00:00Z' + i * interval '300 ms', '{}', '{}', '{}' from generate_series(1, 10) i`.execute(
    db,
  );
  const start = Date.UTC(2026, 0, 1) * 1_000;
  expect(await readTimeMarks(db)).toEqual([
    { at_us: start + 900_000, seq: 3 },
    { at_us: start + 1_800_000, seq: 6 },
    { at_us: start + 2_700_000, seq: 9 },
    { at_us: start + 3_000_000, seq: 10 },
  ]);
});

test('the image is all that was published, as the tail tells it too', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 5_000);
  await setSessions(db, people.slice(0, 1_000));
  await setSessions(db, [people[0]!], { status: 'unrecognised', raw: 'ПАУЗА "x"', region: null, endsInMs: null });
  await setBindings(db, people.slice(0, 100));
  await moveProfiles(db, people[1]!, null);
  await sql`insert into deptrans.driver_persons (park_id, driver_id) values ('categories', 'only')`.execute(db);

  const tail = await readTail(db, 0);
  const inOrder = <Row extends { seq: number }>(rows: readonly Row[]) => rows.toSorted((a, b) => a.seq - b.seq);
  expect(tail.profiles).toHaveLength(5_000);
  expect(inOrder(await all(readProfiles, db, profileOf))).toEqual(inOrder(tail.profiles));
  const withoutToken = <Row extends { driver_license_pd_id: unknown }>({ driver_license_pd_id: _, ...row }: Row) => row;
  expect(inOrder(await all(readBindings, db, bindingOf))).toEqual(inOrder(tail.bindings.map(withoutToken)));
  expect(inOrder(await all(readSessions, db, sessionOf))).toEqual(inOrder(tail.sessions.map(withoutToken)));
});

test('a copy that is left early, or aborted, takes nothing with it', async () => {
  await using database = await openTestDatabase({ maxConnections: 1 });
  const { db } = database;
  await addPeople(db, 5_000);
  const broken = new Error('enough');
  const refusing = readProfiles(db, () => {
    throw broken;
  });
  await expect(refusing).rejects.toBe(broken);

  const leaving = new AbortController();
  const left = readProfiles(db, () => leaving.abort(broken), leaving.signal);
  await expect(left).rejects.toThrow();
  await expect(readProfiles(db, () => {}, AbortSignal.abort(broken))).rejects.toBe(broken);
  expect(await all(readProfiles, db, ({ seq }) => seq)).toHaveLength(5_000);
});

test('copies leave no timers behind', async () => {
  await using database = await openTestDatabase({ maxConnections: 1 });
  await addPeople(database.db, 10);
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  await readProfiles(database.db, () => {});
  const before = timers();
  for (let i = 0; i < 20; i++) await readProfiles(database.db, () => {});
  expect(timers() - before).toBeLessThan(10);
});

test('a copy that cannot be made says why', async () => {
  await using database = await openTestDatabase();
  await sql`drop table deptrans.session_statuses cascade`.execute(database.db);
  await expect(readSessions(database.db, () => {})).rejects.toThrow('session_statuses');
});

const profileOf = (row: CopiedProfile): ProfileRow => ({
  profile_no: row.no,
  park_id: textOf(row.parkId),
  driver_id: textOf(row.driverId),
  person_no: row.personNo === 0 ? null : row.personNo,
  driver_license_pd_id: textOrNull(row.token),
  deleted: row.isDeleted,
  seq: row.seq,
});

const textOrNull = (text: TextInPlace) => (text.length < 0 ? null : textOf(text));

const bindingOf = (row: CopiedBinding): Omit<BindingRow, 'driver_license_pd_id'> => ({
  person_no: row.personNo,
  deptrans_id: textOrNull(row.deptransId),
  state: textOf(row.state) as BindingRow['state'],
  updated_us: row.updatedUs,
  seq: row.seq,
});

const sessionOf = (row: CopiedSession): Omit<SessionRow, 'driver_license_pd_id'> => ({
  person_no: row.personNo,
  session_status: textOf(row.status),
  session_status_raw: textOrNull(row.raw),
  updated_us: row.updatedUs,
  ended_us: row.endedUs,
  end_is_estimate: row.isEstimate,
  region: textOrNull(row.region),
  deleted: row.isDeleted,
  seq: row.seq,
});
