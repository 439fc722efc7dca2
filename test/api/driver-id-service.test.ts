import { once } from 'node:events';
import net from 'node:net';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DriverIdOptions, openDriverIdService } from '../../src/api/driver-id-service.ts';
import { CallFailed } from '../../src/clients/call-failed.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { Masked } from '../../src/runtime/masked.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { type Db, inTransaction, openDatabase } from '../../src/store/database.ts';
import { lockMapping } from '../../src/store/locks.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Edge, openEdge } from '../support/edge.ts';
import { addPerson, addProfile, completeMirror, readBindings } from '../support/people.ts';

const PATH = '/driver/v1/deptrans-status/v1/id';

let database: TestDatabase;
let db: Db;
let edge: Edge;
let checks: string[];
/** What the regulator says next; waits for it if it is a promise. */
let regulator: (
  id: string,
  signal: AbortSignal,
) => Promise<Outcome<{ matches: boolean }>> | Outcome<{ matches: boolean }>;
let licences: () => Map<string, Masked<'LicenceNumber'>>;

const matches = (value: boolean): Outcome<{ matches: boolean }> => ({ kind: 'accepted', value: { matches: value } });

const open = (own: Partial<DriverIdOptions> = {}) =>
  openEdge({
    driverId: openDriverIdService({
      db,
      personal: { licenceNumbers: () => Promise.try(licences) },
      regulator: {
        checkId(id, licence, signal) {
          checks.push(`${id} ${licence.reveal()}`);
          return Promise.try(regulator, id, signal);
        },
      },
      journalKey: 'key',
      idDisplay: 'full',
      callTimeoutMs: 4_000,
      readTimeoutMs: 1_000,
      ...own,
    }),
  });

beforeEach(async () => {
  database = await openTestDatabase();
  db = database.db;
  checks = [];
  regulator = () => matches(true);
  licences = () =>
    new Map(['ann', 'bob'].map((person) => [person, new Masked<'LicenceNumber'>(`licence of ${person}`)]));
  for (const person of ['ann', 'bob']) await addPerson(db, person);
  await completeMirror(db);
  edge = await open();
});
afterEach(async () => {
  await edge.close(0);
  await database[Symbol.asyncDispose]();
});

const as = (driver: string) => ({ 'x-yataxi-park-id': 'park', 'x-yataxi-driver-profile-id': driver });

type Answer = { status: number; reason?: string; details?: { retryDelay?: string }[]; id?: Record<string, unknown> };

async function get(driver: string, from = edge): Promise<Answer> {
  const response = await fetch(from.url + PATH, { headers: as(driver) });
  return { status: response.status, ...((await response.json()) as object) };
}

async function set(driver: string, id: string, from = edge, key = ''): Promise<Answer> {
  const response = await fetch(from.url + PATH, {
    method: 'POST',
    headers: { ...as(driver), 'content-type': 'application/json' },
    body: JSON.stringify({ deptrans_id: id, idempotency_key: key }),
  });
  return { status: response.status, ...((await response.json()) as object) };
}

test('an id is checked against the licence, bound and read again, from any profile of the person', async () => {
  await addProfile(db, 'ann', 'second');
  expect(await get('ann')).toMatchObject({
    status: 200,
    id: { bound: false, deptrans_id: '', state: 'STATE_NOT_BOUND' },
  });

  expect(await set('ann', '0042')).toMatchObject({
    status: 200,
    id: { bound: true, deptrans_id: '42', state: 'STATE_BOUND' },
  });

  expect(checks).toEqual(['42 licence of ann']);
  expect(await get('second')).toMatchObject({
    id: { bound: true, deptrans_id: '42', updated_at: expect.stringContaining('T') },
  });
});

test('setting the bound id again succeeds without a second call, whatever its zeros and key', async () => {
  await set('ann', '42', edge, 'k');
  const before = await readBindings(db);
  expect(await set('ann', '042', edge, 'k')).toMatchObject({ status: 200, id: { bound: true } });
  expect(checks).toHaveLength(1);
  expect(await readBindings(db)).toEqual(before);
});

test('an id that must be checked again is', async () => {
  await set('ann', '42');
  await sql`update deptrans.profiles set state = 'recheck'`.execute(db);
  expect(await get('ann')).toMatchObject({ id: { bound: true, state: 'STATE_RECHECK_NEEDED' } });
  await sql`update deptrans.profiles set state = 'rejected'`.execute(db);
  expect(await get('ann')).toMatchObject({ id: { state: 'STATE_REJECTED' } });
  expect(await set('ann', '42')).toMatchObject({ id: { state: 'STATE_BOUND' } });
  expect(checks).toHaveLength(2);
});

test('a valid check takes an id over', async () => {
  await set('ann', '42');
  expect(await set('bob', '42')).toMatchObject({ status: 200, id: { bound: true } });
  expect(await get('ann')).toMatchObject({ status: 200, id: { bound: false, state: 'STATE_NOT_BOUND' } });
});

test.each([
  ['does not match', matches(false), 400, 'ID_MISMATCH'],
  ['is not known', { kind: 'rejected', reason: 'driver_unknown' }, 400, 'ID_MISMATCH'],
  ['is blocked', { kind: 'rejected', reason: 'driver_blocked' }, 400, 'ID_MISMATCH'],
  ['cannot be checked: down', { kind: 'unavailable' }, 503, 'REGULATOR_UNAVAILABLE'],
  ['cannot be checked: no answer', { kind: 'unknown', reason: 'timeout' }, 503, 'REGULATOR_UNAVAILABLE'],
  ['cannot be checked: no token', { kind: 'unauthorised' }, 503, 'REGULATOR_UNAVAILABLE'],
  ['cannot be checked: throttled', { kind: 'throttled', retryAfterMs: 7_000 }, 503, 'REGULATOR_UNAVAILABLE'],
  ['cannot be checked: nonsense', { kind: 'already' }, 503, 'REGULATOR_UNAVAILABLE'],
] satisfies [string, Outcome<{ matches: boolean }>, number, string][])(
  'an id that %s is not saved',
  async (_name, outcome, status, reason) => {
    await set('ann', '1');
    const before = await readBindings(db);
    regulator = () => outcome;

    const answer = await set('ann', '42');

    expect(answer).toMatchObject({ status, reason });
    expect(answer.details?.some(({ retryDelay }) => retryDelay !== undefined)).toBe(status === 503);
    if (outcome.kind === 'throttled')
      expect(answer.details).toContainEqual(expect.objectContaining({ retryDelay: '7s' }));
    expect(await readBindings(db)).toEqual(before);
  },
);

test('a mismatch and an unknown id get the same answer to the letter', async () => {
  regulator = () => matches(false);
  const mismatch = await set('ann', '42');
  regulator = () => ({ kind: 'rejected', reason: 'driver_unknown' });
  expect(await set('ann', '43')).toEqual(mismatch);
});

test.each(['', 'abc', '1'.repeat(21), '1 2', '-1'])('%j is ID_MALFORMED, and nobody is asked', async (id) => {
  expect(await set('ann', id)).toMatchObject({ status: 400, reason: 'ID_MALFORMED' });
  expect(checks).toEqual([]);
});

test('a key that is too long is refused', async () => {
  expect(await set('ann', '42', edge, 'Ж'.repeat(33))).toMatchObject({ status: 400, reason: 'REQUEST_MALFORMED' });
  expect(await set('ann', '42', edge, 'Ж'.repeat(32))).toMatchObject({ status: 200 });
});

test.each([
  {},
  { 'x-yataxi-park-id': 'park' },
  { 'x-yataxi-driver-profile-id': 'ann' },
  { 'x-yataxi-park-id': '', 'x-yataxi-driver-profile-id': 'ann' },
  { 'x-yataxi-park-id': 'x'.repeat(65), 'x-yataxi-driver-profile-id': 'ann' },
  { 'x-yataxi-park-id': 'a, b', 'x-yataxi-driver-profile-id': 'ann' },
])('without both headers, well formed, the caller is nobody: %j', async (headers) => {
  const response = await fetch(edge.url + PATH, { headers: headers as Record<string, string> });
  expect([response.status, await response.json()]).toMatchObject([401, { reason: 'CREDENTIALS_MISSING' }]);
});

test('who is not known is PROFILE_UNKNOWN once all profiles are, before that NEIGHBOUR_UNAVAILABLE', async () => {
  expect(await get('nobody')).toMatchObject({ status: 404, reason: 'PROFILE_UNKNOWN' });
  expect(await set('nobody', '42')).toMatchObject({ status: 404, reason: 'PROFILE_UNKNOWN' });
  await sql`update deptrans.mirror_streams set complete = false`.execute(db);
  expect(await get('nobody')).toMatchObject({ status: 503, reason: 'NEIGHBOUR_UNAVAILABLE' });
  expect(await get('ann')).toMatchObject({ status: 200 });
  expect(checks).toEqual([]);
});

test.each([
  [
    'does not answer',
    () => {
      throw new CallFailed('personal', { code: 'TIMEOUT' });
    },
  ],
  ['does not know the person', () => new Map()],
])('nothing is saved if personal %s', async (_name, answer) => {
  licences = answer;
  expect(await set('ann', '42')).toMatchObject({ status: 503, reason: 'NEIGHBOUR_UNAVAILABLE' });
  expect([checks, (await readBindings(db)).bindings]).toEqual([[], {}]);
});

test('two people who bind one id at once: both are checked, the newest check has it', async () => {
  const { promise: bothAsked, resolve } = Promise.withResolvers<void>();
  regulator = async () => {
    if (checks.length === 2) resolve();
    await bothAsked;
    return matches(true);
  };

  const answers = await Promise.all([set('ann', '42'), set('bob', '42')]);

  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(checks).toHaveLength(3);
  const lastChecked = checks[2]!.endsWith('ann') ? 'ann' : 'bob';
  const { bindings } = await readBindings(db);
  expect(Object.values(bindings).filter(({ deptrans_id }) => deptrans_id === '42')).toMatchObject([
    { driver_license_pd_id: lastChecked },
  ]);
});

test('one person who binds two ids at once ends with the one checked last', async () => {
  const { promise: bothAsked, resolve } = Promise.withResolvers<void>();
  regulator = async () => {
    if (checks.length === 2) resolve();
    await bothAsked;
    return matches(true);
  };

  const answers = await Promise.all([set('ann', '1'), set('ann', '2')]);

  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  const { bindings, accounts } = await readBindings(db);
  expect(bindings['ann']?.deptrans_id).toBe(checks[2]!.split(' ')[0]);
  expect(Object.keys(accounts)).toEqual(['1', '2']);
});

test('an id that changes hands during every check is a CONFLICT', async () => {
  regulator = async () => {
    await sql`insert into deptrans.reports (deptrans_id) values ('42') on conflict (deptrans_id)
      do update set bind_no = nextval('deptrans.change_no')`.execute(db);
    return matches(true);
  };
  expect(await set('ann', '42')).toMatchObject({ status: 409, reason: 'CONFLICT' });
  expect([checks.length, (await readBindings(db)).bindings]).toEqual([2, {}]);
});

test('the whole call keeps its deadline: a check that hangs is cut, and nothing is saved', async () => {
  await using quick = await open({ callTimeoutMs: 100 });
  regulator = (_, signal) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve({ kind: 'unknown', reason: 'cut_off' })));
  expect(await set('ann', '42', quick)).toMatchObject({ status: 503, reason: 'REGULATOR_UNAVAILABLE' });
  expect((await readBindings(db)).bindings).toEqual({});
});

test('who cannot get the mapping in time saves nothing', async () => {
  await using quick = await open({ callTimeoutMs: 200 });
  await inTransaction(db, async (tx) => {
    await lockMapping(tx);
    expect(await set('ann', '42', quick)).toMatchObject({ status: 503, reason: 'SERVICE_DEGRADED' });
  });
  await inTransaction(db, lockMapping);
  expect((await readBindings(db)).bindings).toEqual({});
});

test('a database that is away, or takes connections and says nothing, is SERVICE_DEGRADED within a second', async () => {
  const mute = net.createServer(() => {}).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const { port } = mute.address() as net.AddressInfo;
  for (const url of ['postgres://127.0.0.1:1/none', `postgres://127.0.0.1:${port}/none`]) {
    await using away = openDatabase({
      url,
      maxConnections: 1,
      statementTimeoutMs: 2_000,
      connectTimeoutMs: 2_000,
      applicationName: 'away',
      log: openLog('silent'),
      timer: openMetrics(systemClock).timer('store'),
    });
    await using degraded = await open({ db: away.db, readTimeoutMs: 300 });
    const started = performance.now();
    expect(await get('ann', degraded)).toMatchObject({ status: 503, reason: 'SERVICE_DEGRADED' });
    expect(await set('ann', '42', degraded)).toMatchObject({ status: 503, reason: 'SERVICE_DEGRADED' });
    expect(performance.now() - started).toBeLessThan(2_000);
  }
  mute.close();
});

test.each([
  ['masked', '***67'],
  ['fact', ''],
] as const)('an id is shown as configured: %s', async (idDisplay, shown) => {
  await using other = await open({ idDisplay });
  expect(await set('ann', '1234567', other)).toMatchObject({ id: { bound: true, deptrans_id: shown } });
  expect(await get('ann', other)).toMatchObject({ id: { bound: true, deptrans_id: shown } });
});

test('neither ids nor licences nor people are in the log', async () => {
  regulator = () => {
    throw new Error('no "licence of ann" with 1234567');
  };
  expect(await set('ann', '1234567')).toMatchObject({ status: 500, reason: 'INTERNAL' });
  regulator = () => matches(true);
  await set('ann', '7654321');
  await set('ann', 'x7654321');
  const log = edge.lines.join('\n');
  expect(log).toContain('call failed');
  expect(log).not.toMatch(/1234567|7654321|\bann\b/);
});
