import { setImmediate as turn } from 'node:timers/promises';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import type { CheckResult, DriverCache } from '../../consumer/driver-cache.ts';
import { Check, EnforcementMode, VerdictReason } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import type { Enforcement } from '../../src/enforcement/enforcement.ts';
import type { Db } from '../../src/store/database.ts';
import { WHOEVER_MAY } from '../support/edge.ts';
import { openFeedApi } from '../support/feed/api.ts';
import { openRandom } from '../support/feed/random.ts';
import { addPeople, setBindings, setSessions } from '../support/feed/world.ts';
import { openPolicyWorld } from '../support/policy-world.ts';
import { until } from '../support/until.ts';
import { openTestCache } from './support.ts';

const VERSIONS = 12;
const DRIVERS = 1_000;
const ORDER = { region: 'moscow' };
const LATER = { seconds: 4_100_000_000n, nanos: 0 };

const rule = (check: keyof typeof Check, mode: keyof typeof EnforcementMode, fields = {}) => ({
  check: Check[check],
  mode: EnforcementMode[mode],
  ...fields,
});

/** Two policies that differ in all that a verdict says of them: mode, rule, reason, and whether the driver is blocked. */
const POLICIES = [
  {
    endsSoon: durationFromMs(3_600_000),
    rules: [
      rule('DEPTRANS_ID', 'OFF', { effectiveFrom: LATER }),
      rule('SESSION', 'OFF', { effectiveFrom: LATER }),
      rule('DEPTRANS_ID', 'WARN'),
      rule('SESSION', 'BLOCK'),
    ],
  },
  { rules: [rule('DEPTRANS_ID', 'BLOCK'), rule('SESSION', 'DEPRIORITISE')] },
];

/** What is said by the versions 2, 4, … and 1, 3, … of whoever lost his id and has a shift that ends soon: of each check mode, rule and reason. */
const SAID = [
  { allowed: true, checks: ['warn 2 id_rejected', 'block 3 session_ends_soon'] },
  { allowed: false, checks: ['block 0 id_rejected', 'deprioritise 1 ok'] },
];

test('however often the policy changes, every answer of caches and service is by one version, whole', async () => {
  await using world = await openPolicyWorld({ pollMs: 5 });
  await fill(world.db);
  await using near = await openInstance(world.db, world.enforcement);
  await using far = await openInstance(world.db, world.enforcement);
  await using first = await openTestCache([near.url]);
  await using second = await openTestCache([far.url]);
  const caches = [first, second];
  await Promise.all(caches.map((cache) => cache.ready()));
  const heard = openHearing();
  const ended = new AbortController();
  const asking = Promise.all([askCaches(caches, heard, ended.signal), askService(near, heard, ended.signal)]);
  for (let version = 1; version <= VERSIONS; version++) {
    const policy = { regions: [{ region: 'moscow', ...POLICIES[version % 2]! }] };
    await world.policy.put({ policy, baseVersion: BigInt(version - 1), reason: 'to and fro' });
    await until(
      () => heard.caches.versions.has(version) && heard.service.versions.has(version),
      `version ${version} is judged by, and asked about`,
    );
  }
  ended.abort();
  await asking;
  expect([...heard.mixed]).toEqual([]);
  expect(heard.service.count).toBeGreaterThanOrEqual(VERSIONS * DRIVERS);
});

async function fill(db: Db) {
  const people = await addPeople(db, DRIVERS);
  await setBindings(db, people, 'rejected');
  await setSessions(db, people, { endsInMs: 1_800_000 });
}

async function openInstance(db: Db, enforcement: Enforcement) {
  const api = await openFeedApi(db, {}, {}, WHOEVER_MAY, enforcement.inForce);
  enforcement.onChange(({ message }) => api.feed.setPolicy(message));
  return api;
}

const wordOf = (names: Record<string, number>, value: number) =>
  Object.keys(names)
    .find((name) => names[name] === value)
    ?.toLowerCase();

const driver = (no: number) => ({ parkId: `park-${no % 10}`, driverId: `driver-${no}-1` });

/** Answers as they come, and those that are by no one version. */
function openHearing() {
  const hearing = { mixed: new Set<string>(), caches: heardOf(), service: heardOf() };
  return Object.assign(hearing, {
    hear(from: 'caches' | 'service', version: number, said: (typeof SAID)[number]) {
      hearing[from].count += 1;
      hearing[from].versions.add(version);
      if (version === 0) return;
      const told = JSON.stringify(said);
      if (told !== JSON.stringify(SAID[version % 2])) hearing.mixed.add(`${from}, version ${version}: ${told}`);
    },
  });
}
const heardOf = () => ({ count: 0, versions: new Set<number>() });
type Hearing = ReturnType<typeof openHearing>;

async function askCaches(caches: readonly DriverCache[], { hear }: Hearing, signal: AbortSignal): Promise<void> {
  const random = openRandom(5);
  const say = ({ mode, rule, reason }: CheckResult['session']) => `${mode} ${rule} ${reason}`;
  while (!signal.aborted) {
    for (let i = 0; i < 50; i++) {
      for (const cache of caches) {
        const { policyVersion, allowed, deptransId, session } = cache.check(driver(1 + random.int(DRIVERS)), ORDER);
        hear('caches', policyVersion, { allowed, checks: [say(deptransId), say(session)] });
      }
    }
    await turn();
  }
}

async function askService(
  { diagnostics }: Awaited<ReturnType<typeof openInstance>>,
  { hear }: Hearing,
  signal: AbortSignal,
): Promise<void> {
  const drivers = Array.from({ length: DRIVERS }, (_, i) => driver(i + 1));
  while (!signal.aborted) {
    const { results, policyVersion } = await diagnostics.checkDrivers({ drivers, ...ORDER });
    expect(results).toHaveLength(DRIVERS);
    for (const { allowed, verdicts } of results) {
      const checks = verdicts.map(({ mode, rule, reason }) => {
        const said = reason === VerdictReason.UNSPECIFIED ? 'ok' : wordOf(VerdictReason, reason);
        return `${wordOf(EnforcementMode, mode)} ${rule ?? -1} ${said}`;
      });
      hear('service', Number(policyVersion), { allowed, checks });
    }
  }
}
