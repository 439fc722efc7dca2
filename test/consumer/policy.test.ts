import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DriverCache } from '../../consumer/driver-cache.ts';
import { Policies } from '../../consumer/policies.ts';
import { Check, EnforcementMode } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import type { WatchIdsResponse } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { transports } from '../support/edge.ts';
import { clientsOf, openFeedApi, REGIONS } from '../support/feed/api.ts';
import { addPeople, setBindings } from '../support/feed/world.ts';
import { inForceIn } from '../support/policy.ts';
import { until } from '../support/until.ts';
import { openTestCache } from './support.ts';

let database: TestDatabase;
let person: number;
beforeAll(async () => {
  database = await openTestDatabase();
  [person] = (await addPeople(database.db, 1)) as [number];
  await setBindings(database.db, [person], 'rejected');
});
afterAll(() => database[Symbol.asyncDispose]());

const policyOf = (version: bigint, mode: keyof typeof EnforcementMode, fields = {}) =>
  inForceIn(REGIONS, {
    version,
    policy: { regions: [{ region: 'moscow', rules: [{ check: Check.DEPTRANS_ID, mode: EnforcementMode[mode] }] }] },
    ...fields,
  }).message;

const check = (cache: DriverCache) =>
  cache.check({ parkId: `park-${person % 10}`, driverId: `driver-${person}-1` }, { region: 'moscow' });
const reaches = (cache: DriverCache, version: number) =>
  until(() => cache.metrics()['policy_version'] === version, `the policy ${version} has come`);

test('a cache follows the policy: the mode, whom it blocks, the switch, a region that stepped back', async () => {
  await using api = await openFeedApi(database.db);
  await using cache = await openTestCache([api.url]);
  await cache.ready();
  expect(check(cache)).toMatchObject({
    allowed: true,
    policyVersion: 0,
    deptransId: { reason: 'id_rejected', mode: 'observe' },
  });
  api.feed.setPolicy(policyOf(1n, 'BLOCK'));
  await reaches(cache, 1);
  expect(check(cache)).toMatchObject({ allowed: false, policyVersion: 1, deptransId: { mode: 'block', rule: 0 } });
  const regions = REGIONS.map(({ id, on, tariffs }) => ({ region: id, on, tariffs, steppedBack: true }));
  api.feed.setPolicy(policyOf(1n, 'BLOCK', { regions }));
  await until(() => check(cache).allowed, 'the region has stepped back');
  expect(check(cache).deptransId).toMatchObject({ outcome: 'fail', mode: 'warn' });
  api.feed.setPolicy(policyOf(2n, 'BLOCK', { suspended: true }));
  await reaches(cache, 2);
  expect(check(cache)).toMatchObject({
    allowed: true,
    deptransId: { outcome: 'unknown', reason: 'suspended', mode: 'off' },
  });
});

test('it keeps its last policy when the service goes, and over a restart from its dump', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'policy-'));
  const dump = { path: join(folder, 'dump') };
  try {
    const api = await openFeedApi(database.db);
    api.feed.setPolicy(policyOf(4n, 'BLOCK'));
    const cache = await openTestCache([api.url], { dump });
    await cache.ready();
    await reaches(cache, 4);
    await api[Symbol.asyncDispose]();
    await until(() => cache.state === 'detached', 'the cache is on its own');
    expect(check(cache)).toMatchObject({ allowed: false, policyVersion: 4 });
    await cache.close();
    await using restarted = await openTestCache([api.url], { dump });
    expect(check(restarted)).toMatchObject({ allowed: false, policyVersion: 4 });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('it never blocks on facts older than the policy allows', async () => {
  let ms = 0;
  const clock = { now: () => Date.now(), monotonic: () => performance.now() + ms };
  const api = await openFeedApi(database.db);
  api.feed.setPolicy(policyOf(1n, 'BLOCK'));
  await using cache = await openTestCache([api.url], { clock });
  await cache.ready();
  await reaches(cache, 1);
  expect(check(cache).allowed).toBe(false);
  await api[Symbol.asyncDispose]();
  ms = 3_600_000;
  expect(check(cache)).toMatchObject({ allowed: true, deptransId: { reason: 'data_too_old' } });
  expect(cache.state).toBe('too_old');
});

test('an instance that is behind does not bring an older version back; another history does', () => {
  const policies = new Policies();
  const held = () => [policies.compiled.policy.version, policies.compiled.policy.regions[0]?.steppedBack];
  const steppedBack = { regions: [{ region: 'moscow', on: true, steppedBack: true }] };
  policies.take(policyOf(9n, 'BLOCK'), 'a');
  policies.take(policyOf(8n, 'WARN'), 'a');
  expect(held()).toEqual([9, false]);
  policies.take(policyOf(9n, 'BLOCK', steppedBack), 'a');
  expect(held()).toEqual([9, true]);
  const restarted = new Policies();
  restarted.adopt(policies.bytes, 'a');
  restarted.take(policyOf(8n, 'WARN'), 'a');
  expect(restarted.compiled.policy).toEqual(policies.compiled.policy);
  policies.take(policyOf(2n, 'WARN'), 'b');
  expect(held()).toEqual([2, false]);
  policies.leaveHistory();
  policies.take(policyOf(1n, 'WARN'), 'b');
  expect(held()).toEqual([1, false]);
});

test.each(['gRPC binary, HTTP/2', 'Connect JSON, HTTP/1.1'] as const)(
  'over %s the policy comes after hello, at each change, and with the ids alone',
  async (protocol) => {
    await using api = await openFeedApi(database.db);
    api.feed.setPolicy(policyOf(1n, 'WARN'));
    const { updates } = clientsOf(transports[protocol]!(api.url));
    const seen: WatchIdsResponse['frame'][] = [];
    const ended = new AbortController();
    for await (const { frame } of updates.watchIds({}, { signal: ended.signal })) {
      seen.push(frame);
      if (frame.case === 'snapshotEnd') api.feed.setPolicy(policyOf(2n, 'BLOCK'));
      if (frame.case === 'policy' && frame.value.version === 2n) break;
    }
    expect(seen.slice(0, 3).map((frame) => frame.case)).toEqual(['hello', 'policy', 'snapshotBegin']);
    expect(seen.filter((frame) => frame.case === 'policy').map(({ value }) => value)).toEqual([
      policyOf(1n, 'WARN'),
      policyOf(2n, 'BLOCK'),
    ]);
    for await (const { frame } of updates.watchStatuses({}, { signal: ended.signal })) {
      expect(frame.case).not.toBe('policy');
      if (frame.case === 'heartbeat') break;
    }
    ended.abort();
  },
);
