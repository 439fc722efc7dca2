import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CallFailed } from '../../src/clients/call-failed.ts';
import {
  type CheckOutcome,
  DRIVER_ID_PATH,
  type DriverIdWorld,
  matches,
  openDriverIdWorld,
} from '../support/driver-id-world.ts';
import { addProfile, readBindings } from '../support/people.ts';

let world: DriverIdWorld;
beforeEach(async () => {
  world = await openDriverIdWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

test('an id is checked against the licence, bound and read again, from any profile of the person', async () => {
  await addProfile(world.db, 'ann', 'second');
  expect(await world.get('ann')).toMatchObject({
    status: 200,
    id: { bound: false, deptrans_id: '', state: 'STATE_NOT_BOUND' },
  });

  expect(await world.set('ann', '0042')).toMatchObject({
    status: 200,
    id: { bound: true, deptrans_id: '42', state: 'STATE_BOUND' },
  });

  expect(world.checks).toEqual(['42 licence of ann']);
  expect(await world.get('second')).toMatchObject({
    id: { bound: true, deptrans_id: '42', updated_at: expect.stringContaining('T') },
  });
});

test('setting the bound id again succeeds without a second call, whatever its zeros and key', async () => {
  await world.set('ann', '42', world.edge, { key: 'k' });
  const before = await readBindings(world.db);
  expect(await world.set('ann', '042', world.edge, { key: 'k' })).toMatchObject({ status: 200, id: { bound: true } });
  expect(world.checks).toHaveLength(1);
  expect(await readBindings(world.db)).toEqual(before);
});

test('setting the bound id again checks it once more if the regulator refused its reports, and wakes them', async () => {
  await world.set('ann', '42');
  await sql`update deptrans.reports set parked_reason = 'driver_unknown', park_until = 'infinity', dirty = false, due_at = null`.execute(
    world.db,
  );
  world.regulator = () => matches(false);
  expect(await world.set('ann', '42')).toMatchObject({ reason: 'ID_MISMATCH' });
  expect((await readBindings(world.db)).accounts['42']).toMatchObject({
    parked_reason: 'driver_unknown',
    due_at: null,
  });
  world.regulator = () => matches(true);
  expect(await world.set('ann', '42')).toMatchObject({ status: 200, id: { bound: true } });
  expect(world.checks).toHaveLength(3);
  expect((await readBindings(world.db)).accounts['42']).toMatchObject({ parked_reason: null, dirty: true });
});

test('an id that must be checked again is', async () => {
  await world.set('ann', '42');
  await sql`update deptrans.profiles set state = 'recheck'`.execute(world.db);
  expect(await world.get('ann')).toMatchObject({ id: { bound: true, state: 'STATE_RECHECK_NEEDED' } });
  await sql`update deptrans.profiles set state = 'rejected'`.execute(world.db);
  expect(await world.get('ann')).toMatchObject({ id: { state: 'STATE_REJECTED' } });
  expect(await world.set('ann', '42')).toMatchObject({ id: { state: 'STATE_BOUND' } });
  expect(world.checks).toHaveLength(2);
});

test('a valid check takes an id over', async () => {
  await world.set('ann', '42');
  expect(await world.set('bob', '42')).toMatchObject({ status: 200, id: { bound: true } });
  expect(await world.get('ann')).toMatchObject({ status: 200, id: { bound: false, state: 'STATE_NOT_BOUND' } });
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
] satisfies [string, CheckOutcome, number, string][])(
  'an id that %s is not saved',
  async (_name, outcome, status, reason) => {
    await world.set('ann', '1');
    const before = await readBindings(world.db);
    world.regulator = () => outcome;

    const answer = await world.set('ann', '42');

    expect(answer).toMatchObject({ status, reason });
    expect(answer.details?.some(({ retryDelay }) => retryDelay !== undefined)).toBe(status === 503);
    if (outcome.kind === 'throttled')
      expect(answer.details).toContainEqual(expect.objectContaining({ retryDelay: '7s' }));
    expect(await readBindings(world.db)).toEqual(before);
  },
);

test('a mismatch and an unknown id get the same answer to the letter', async () => {
  world.regulator = () => matches(false);
  const mismatch = await world.set('ann', '42');
  world.regulator = () => ({ kind: 'rejected', reason: 'driver_unknown' });
  expect(await world.set('ann', '43')).toEqual(mismatch);
});

test.each(['', 'abc', '1'.repeat(21), '1 2', '-1'])('%j is ID_MALFORMED, and nobody is asked', async (id) => {
  expect(await world.set('ann', id)).toMatchObject({ status: 400, reason: 'ID_MALFORMED' });
  expect(world.checks).toEqual([]);
});

test('a key that is too long is refused', async () => {
  expect(await world.set('ann', '42', world.edge, { key: 'Ж'.repeat(33) })).toMatchObject({
    status: 400,
    reason: 'REQUEST_MALFORMED',
  });
  expect(await world.set('ann', '42', world.edge, { key: 'Ж'.repeat(32) })).toMatchObject({ status: 200 });
});

test.each([
  {},
  { 'x-yataxi-park-id': 'park' },
  { 'x-yataxi-driver-profile-id': 'ann' },
  { 'x-yataxi-park-id': '', 'x-yataxi-driver-profile-id': 'ann' },
  { 'x-yataxi-park-id': 'x'.repeat(65), 'x-yataxi-driver-profile-id': 'ann' },
  { 'x-yataxi-park-id': 'a, b', 'x-yataxi-driver-profile-id': 'ann' },
])('without both headers, well formed, the caller is nobody: %j', async (headers) => {
  const response = await fetch(world.edge.url + DRIVER_ID_PATH, { headers: headers as Record<string, string> });
  expect([response.status, await response.json()]).toMatchObject([401, { reason: 'CREDENTIALS_MISSING' }]);
});

test('who is not known is PROFILE_UNKNOWN once all profiles are, before that NEIGHBOUR_UNAVAILABLE', async () => {
  expect(await world.get('nobody')).toMatchObject({ status: 404, reason: 'PROFILE_UNKNOWN' });
  expect(await world.set('nobody', '42')).toMatchObject({ status: 404, reason: 'PROFILE_UNKNOWN' });
  await sql`update deptrans.mirror_streams set complete = false`.execute(world.db);
  expect(await world.get('nobody')).toMatchObject({ status: 503, reason: 'NEIGHBOUR_UNAVAILABLE' });
  expect(await world.get('ann')).toMatchObject({ status: 200 });
  expect(world.checks).toEqual([]);
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
  world.licences = answer;
  expect(await world.set('ann', '42')).toMatchObject({ status: 503, reason: 'NEIGHBOUR_UNAVAILABLE' });
  expect([world.checks, (await readBindings(world.db)).bindings]).toEqual([[], {}]);
});

test.each([
  ['masked', '***67'],
  ['fact', ''],
] as const)('an id is shown as configured: %s', async (idDisplay, shown) => {
  await using other = await world.open({ idDisplay });
  expect(await world.set('ann', '1234567', other)).toMatchObject({ id: { bound: true, deptrans_id: shown } });
  expect(await world.get('ann', other)).toMatchObject({ id: { bound: true, deptrans_id: shown } });
});

test('neither ids nor licences nor people are in the log', async () => {
  world.regulator = () => {
    throw new Error('no "licence of ann" with 1234567');
  };
  expect(await world.set('ann', '1234567')).toMatchObject({ status: 500, reason: 'INTERNAL' });
  world.regulator = () => matches(true);
  await world.set('ann', '7654321');
  await world.set('ann', 'x7654321');
  const log = world.edge.lines.join('\n');
  expect(log).toContain('no \\"…\\" with …');
  expect(log).not.toMatch(/1234567|7654321|\bann\b/);
});
