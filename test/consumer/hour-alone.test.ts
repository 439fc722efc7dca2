import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DriverCache, DriverCacheOptions } from '../../consumer/driver-cache.ts';
import { Check, EnforcementMode } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { openFeedApi, REGIONS } from '../support/feed/api.ts';
import { openCable } from '../support/feed/cable.ts';
import { addPeople, setBindings } from '../support/feed/world.ts';
import { inForceIn } from '../support/policy.ts';
import { until } from '../support/until.ts';
import { openTestCache } from './support.ts';

/** An hour of the injected clock in steps of a quarter of a minute. */
const STEPS = 240;
const STEP_MS = 15_000;
/** What the policy allows; longer than what it is where nobody says anything. */
const POLICY_MS = 90_000;
/** After so many steps the consumer's process ends, and begins again from its dump. */
const RESTARTS = [3, 60, 200];

let database: TestDatabase;
let person: number;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hour-'));
  database = await openTestDatabase();
  [person] = (await addPeople(database.db, 1)) as [number];
  await setBindings(database.db, [person], 'rejected');
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const blocking = (fields = {}) =>
  inForceIn(REGIONS, {
    version: 5n,
    policy: {
      maxDataAge: durationFromMs(POLICY_MS),
      regions: [{ region: 'moscow', rules: [{ check: Check.DEPTRANS_ID, mode: EnforcementMode.BLOCK }] }],
    },
    ...fields,
  }).message;

const check = (cache: DriverCache) =>
  cache.check({ parkId: `park-${person % 10}`, driverId: `driver-${person}-1` }, { region: 'moscow' });

/** A consumer whose clock is moved by hand, with a dump, and the service behind a cable. */
async function openStage(name: string, policy = blocking()) {
  const stack = new AsyncDisposableStack();
  const api = stack.use(await openFeedApi(database.db));
  api.feed.setPolicy(policy);
  const cable = stack.use(await openCable(Number(new URL(api.url).port)));
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead };
  const open = (options: Partial<DriverCacheOptions>) =>
    openTestCache([`http://127.0.0.1:${cable.port}`], { clock, dump: { path: join(folder, name) }, ...options });
  return {
    api,
    cable,
    open,
    /** One that knows the policy. */
    async openReady(options: Partial<DriverCacheOptions> = {}) {
      const cache = await open(options);
      await cache.ready();
      await until(() => check(cache).policyVersion === 5, 'the policy has come');
      return cache;
    },
    pass: (ms: number) => {
      ahead += ms;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test.each([
  { name: 'the policy alone', options: {}, allowedMs: POLICY_MS },
  { name: 'an option that is stricter', options: { maxAgeMs: 40_000 }, allowedMs: 40_000 },
  { name: 'an option that is milder', options: { maxAgeMs: 1_800_000 }, allowedMs: POLICY_MS },
])('an hour without the service: nobody is blocked on facts older than is allowed by $name', async (by) => {
  await using stage = await openStage(by.name);
  let cache = await stage.openReady(by.options);
  expect(check(cache).allowed).toBe(false);
  stage.cable.cut();
  await until(() => cache.state === 'detached', 'the cache is on its own');
  const said: { ageMs: number; allowed: boolean; reason: string; policyVersion: number }[] = [];
  for (let step = 1; step <= STEPS; step++) {
    stage.pass(STEP_MS);
    if (RESTARTS.includes(step)) {
      await cache.close();
      cache = await stage.open(by.options);
    }
    const { ageMs, allowed, deptransId, policyVersion } = check(cache);
    expect(ageMs).toBeGreaterThan(step * STEP_MS - 1_000);
    said.push({ ageMs, allowed, reason: deptransId.reason, policyVersion });
  }
  expect(said.filter(({ policyVersion }) => policyVersion !== 5)).toEqual([]);
  expect(said.filter(({ ageMs, allowed }) => allowed !== ageMs > by.allowedMs)).toEqual([]);
  expect(said.filter(({ allowed, reason }) => reason !== (allowed ? 'data_too_old' : 'id_rejected'))).toEqual([]);
  expect(said[0]!.allowed).toBe(false);

  stage.cable.mend();
  await until(() => !check(cache).allowed, 'the facts are young again');
  expect(check(cache)).toMatchObject({ policyVersion: 5, deptransId: { reason: 'id_rejected', mode: 'block' } });
  await cache.close();
});

test('an hour without the service after everything was switched off: it stays off, over restarts too, and ends as soon as the service says so', async () => {
  await using stage = await openStage('suspended', blocking({ suspended: true }));
  let cache = await stage.openReady();
  stage.cable.cut();
  for (let step = 1; step <= STEPS; step++) {
    stage.pass(STEP_MS);
    if (RESTARTS.includes(step)) {
      await cache.close();
      cache = await stage.open({});
    }
    expect(check(cache)).toMatchObject({ allowed: true, deptransId: { outcome: 'unknown', reason: 'suspended' } });
  }
  stage.api.feed.setPolicy(blocking({ version: 6n }));
  stage.cable.mend();
  await until(() => !check(cache).allowed, 'the end of the suspension has come');
  await cache.close();
});

test("the consumer's own switch blocks nobody while it is off, and nobody on old facts once it is on again", async () => {
  await using stage = await openStage('switch');
  await using cache = await stage.openReady({ onUnknown: 'deny' });
  stage.cable.cut();
  expect(check(cache).allowed).toBe(false);
  cache.suspend();
  expect(check(cache)).toMatchObject({ allowed: true, deptransId: { reason: 'suspended' } });
  cache.resume();
  expect(check(cache)).toMatchObject({ allowed: false, deptransId: { reason: 'id_rejected' } });
  cache.suspend();
  for (let step = 1; step <= STEPS; step++) {
    stage.pass(STEP_MS);
    expect(check(cache)).toMatchObject({ allowed: true, deptransId: { reason: 'suspended' } });
  }
  cache.resume();
  // Whoever asked for unknown to be refused gets that, and no failure of the driver's.
  expect(check(cache)).toMatchObject({ allowed: false, deptransId: { outcome: 'unknown', reason: 'data_too_old' } });
});
