import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DriverIdWorld, matches, openDriverIdWorld } from '../support/driver-id-world.ts';
import { addProfile, readBindings } from '../support/people.ts';

let world: DriverIdWorld;
beforeEach(async () => {
  world = await openDriverIdWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const set = (driver: string, id: string, key: string) => world.set(driver, id, world.edge, { key });

test('a call repeated after its answer was lost gets that answer, and changes nothing that happened since', async () => {
  const first = await set('ann', '42', 'first');
  expect(first).toMatchObject({ status: 200, id: { deptrans_id: '42' } });
  await set('ann', '43', 'second');
  const before = await readBindings(world.db);

  expect(await set('ann', '042', 'first')).toEqual(first);

  expect(await readBindings(world.db)).toEqual(before);
  expect(world.checks).toHaveLength(2);
});

test('a refusal is repeated too, without another check', async () => {
  world.regulator = () => matches(false);
  const first = await set('ann', '42', 'k');
  expect(first).toMatchObject({ reason: 'ID_MISMATCH' });
  world.regulator = () => matches(true);
  expect(await set('ann', '42', 'k')).toEqual(first);
  expect(world.checks).toHaveLength(1);
  expect(await set('ann', '42', 'another')).toMatchObject({ status: 200 });
});

test('what saved nothing and refused nothing is tried anew', async () => {
  world.regulator = () => ({ kind: 'unavailable' });
  expect(await set('ann', '42', 'k')).toMatchObject({ reason: 'REGULATOR_UNAVAILABLE' });
  world.regulator = () => matches(true);
  expect(await set('ann', '42', 'k')).toMatchObject({ status: 200 });
});

test('a key with another id is refused; a key is its profile’s own', async () => {
  await addProfile(world.db, 'ann', 'second');
  await set('ann', '42', 'k');
  const refused = await set('ann', '43', 'k');
  expect(refused).toMatchObject({ status: 400, reason: 'REQUEST_MALFORMED' });
  expect(JSON.stringify(refused)).toContain('idempotency_key');
  for (const driver of ['second', 'bob']) expect(await set(driver, '43', 'k')).toMatchObject({ status: 200 });
});

test('nothing personal is in the table', async () => {
  await set('ann', '1234567', 'key-of-ann');
  const { rows } = await sql<{ text: string }>`select a::text as text from deptrans.driver_answers a`.execute(world.db);
  expect(rows).toHaveLength(1);
  expect(rows[0]!.text).not.toMatch(/ann|1234567|park/);
});
