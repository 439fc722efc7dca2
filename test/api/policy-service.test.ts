import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { Check, EnforcementMode } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { PolicySchema } from '../../gen/deptrans/v1/policy_pb.ts';
import { refusalOf } from '../support/feed/refusal.ts';
import { openPolicyWorld } from '../support/policy-world.ts';
import { until } from '../support/until.ts';

const rule = (mode: EnforcementMode, share?: number) =>
  share === undefined ? { check: Check.SESSION, mode } : { check: Check.SESSION, mode, share };
const policyOf = (mode: EnforcementMode, share?: number) =>
  create(PolicySchema, { regions: [{ region: 'moscow', rules: [rule(mode, share)] }] });
const WARN = policyOf(EnforcementMode.WARN);
const BLOCK = policyOf(EnforcementMode.BLOCK, 0.1);

test('versions follow one another, with author, reason and time, and all stay to be read', async () => {
  await using world = await openPolicyWorld();
  const { policy: ann, as } = world;
  expect((await ann.get({})).policy).toMatchObject({ version: 0n, suspended: false, author: '' });
  const first = await ann.put({ policy: WARN, reason: 'to see' });
  const second = await as('bob').put({ policy: BLOCK, baseVersion: 1n, reason: 'one in ten' });
  expect(first.policy).toMatchObject({ version: 1n, author: 'ann', reason: 'to see', suspended: false });
  expect(second.policy).toMatchObject({ version: 2n, author: 'bob', reason: 'one in ten' });
  expect((await ann.get({})).policy).toEqual(second.policy);
  expect((await ann.get({ version: 1n })).policy).toEqual(first.policy);
  expect((await ann.get({})).policy?.policy).toEqual(BLOCK);
  expect(Number(second.policy!.putAt!.seconds)).toBeGreaterThanOrEqual(Number(first.policy!.putAt!.seconds));

  const page = await ann.history({ pageSize: 1 });
  expect(page.versions).toEqual([second.policy]);
  const rest = await ann.history({ pageSize: 1, pageToken: page.nextPageToken });
  expect(rest).toMatchObject({ versions: [first.policy], nextPageToken: '' });
  expect((await ann.history({})).versions.map(({ version }) => version)).toEqual([2n, 1n]);
});

test('of two authors who start from the same version one is refused, and so is whoever starts from an old one', async () => {
  await using world = await openPolicyWorld();
  const authors = Array.from({ length: 8 }, (_, i) => world.as(`author-${i}`));
  const ended = await Promise.allSettled(authors.map((author) => author.put({ policy: WARN, reason: 'at once' })));
  const refused = ended.flatMap((one) => (one.status === 'rejected' ? [refusalOf(Promise.reject(one.reason))] : []));
  expect(await Promise.all(refused)).toEqual(Array.from({ length: 7 }, () => 'Aborted CONFLICT'));
  const late = await refusalOf(world.policy.put({ policy: BLOCK, baseVersion: 0n, reason: 'late' }));
  expect(late).toBe('Aborted CONFLICT');
  const early = await refusalOf(world.policy.put({ policy: BLOCK, baseVersion: 9n, reason: 'early' }));
  expect(early).toBe('Aborted CONFLICT');
  expect((await world.policy.history({})).versions).toHaveLength(1);
});

test('a policy with problems is not put, nor one that is only to be checked', async () => {
  await using world = await openPolicyWorld();
  const wrong = create(PolicySchema, { regions: [{ region: 'omsk', rules: [rule(EnforcementMode.BLOCK, 2)] }] });
  const refused = await refusalOf(world.policy.put({ policy: wrong, reason: 'wrong' }));
  expect(refused).toBe('InvalidArgument REQUEST_MALFORMED');
  for (const reason of ['', 'x'.repeat(501), 'two\nlines']) {
    expect(await refusalOf(world.policy.put({ policy: WARN, reason }))).toBe('InvalidArgument REQUEST_MALFORMED');
  }
  expect((await world.policy.put({ policy: WARN, reason: 'only checked', validateOnly: true })).policy).toMatchObject({
    version: 1n,
    policy: WARN,
  });
  expect((await world.policy.get({})).policy?.version).toBe(0n);
  expect(await refusalOf(world.policy.get({ version: 5n }))).toBe('NotFound POLICY_UNKNOWN');
  expect(await refusalOf(world.policy.get({ version: -1n }))).toBe('InvalidArgument REQUEST_MALFORMED');
  for (const pageSize of [-1, 101]) {
    expect(await refusalOf(world.policy.history({ pageSize }))).toBe('InvalidArgument LIMIT_OUT_OF_RANGE');
  }
});

test('a suspension is a version of its own, lasts through a put, and is repeated without one', async () => {
  await using world = await openPolicyWorld();
  const { policy } = world;
  const { policy: suspended } = await policy.suspend({ reason: 'before anything' });
  expect(suspended).toMatchObject({ version: 1n, suspended: true });
  expect(suspended!.policy).toBeUndefined(); // an empty one would look like one that was lost
  await policy.put({ policy: BLOCK, baseVersion: 1n, reason: 'for later' });
  expect((await policy.get({})).policy).toMatchObject({ version: 2n, suspended: true });
  expect((await policy.suspend({ reason: 'again' })).policy).toMatchObject({ version: 2n, suspended: true });
  expect((await policy.resume({ reason: 'all is well' })).policy).toMatchObject({ version: 3n, suspended: false });
  expect((await policy.resume({ reason: 'again' })).policy?.version).toBe(3n);
  expect((await policy.get({})).policy).toMatchObject({ policy: BLOCK, reason: 'all is well' });
  await Promise.all(Array.from({ length: 5 }, () => policy.suspend({ reason: 'all at once' })));
  expect((await policy.get({})).policy).toMatchObject({ version: 4n, suspended: true });
});

test('it is in force at once, as one value, and what is on record names nobody', async () => {
  await using world = await openPolicyWorld();
  const { policy, enforcement, db, lines, metrics } = world;
  const seen: number[] = [];
  enforcement.onChange(({ message }) => seen.push(Number(message.version)));
  const person = 'canary-person';
  const named = create(PolicySchema, {
    regions: [
      { region: 'tver', rules: [{ ...rule(EnforcementMode.BLOCK, 0), include: { driverLicensePdIds: [person] } }] },
    ],
  });
  await policy.put({ policy: named, reason: 'one person' });
  await until(() => enforcement.inForce().message.version === 1n, 'the policy is in force');
  const { compiled, message } = enforcement.inForce();
  expect(compiled.policy.regions.map(({ id, tariffs, rules }) => [id, tariffs, rules.length])).toEqual([
    ['moscow', ['econom', 'business'], 0],
    ['tver', ['econom'], 1],
  ]);
  // What the policy leaves to the configuration is said to those who judge by it.
  expect(message.policy).toEqual({ ...named, maxDataAge: durationFromMs(60_000) });
  expect(await metrics.registry.metrics()).toContain('deptrans_enforcement_policy_version 1');
  await policy.suspend({ reason: 'enough' });
  await until(() => enforcement.inForce().compiled.policy.suspended, 'it is suspended');
  expect(seen.slice(-2)).toEqual([1, 2]);
  expect(await metrics.registry.metrics()).toContain('deptrans_enforcement_suspended 1');
  const { rows } = await sql<{
    operation: string;
    detail: unknown;
  }>`select operation, detail from deptrans.audit order by id`.execute(db);
  expect(rows).toEqual([
    { operation: 'Put', detail: { base: 0, reason: 'one person', validateOnly: false } },
    { operation: 'Suspend', detail: { reason: 'enough' } },
  ]);
  expect(lines.join()).not.toContain(person);
});
