import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { beforeAll, expect, test } from 'vitest';
import {
  Check,
  type Verdict as DriverVerdict,
  EnforcementMode,
  VerdictOutcome,
  VerdictReason,
} from '../../gen/deptrans/v1/diagnostics_pb.ts';
import type { PolicySchema } from '../../gen/deptrans/v1/policy_pb.ts';
import { compareVerdicts } from '../../soak/verdicts/verdicts.ts';
import type { Db } from '../../src/store/database.ts';
import { CANDIDATES, openCallers } from '../support/callers.ts';
import { openTestDatabase } from '../support/database.ts';
import { WHOEVER_MAY } from '../support/edge.ts';
import { openFeedApi, REGIONS } from '../support/feed/api.ts';
import { openCable } from '../support/feed/cable.ts';
import { addPeople, moveProfiles, readRecords, setBindings, setSessions } from '../support/feed/world.ts';
import { inForceIn } from '../support/policy.ts';
import {
  type HeldRecord,
  openPythonConsumer,
  type PythonConsumer,
  pythonEnvironment,
} from '../support/scenario-python.ts';
import { VECTORS } from '../verdict/vectors/vectors.ts';
import { openPython } from './python.ts';

const ROOT = join(import.meta.dirname, '../..');

let python: Awaited<ReturnType<typeof openPython>>;
beforeAll(async () => {
  python = await openPython();
}, 1_800_000);

test('the example in Python passes the kit', async () => {
  const program = [join(ROOT, 'examples/python/run_kit.py'), join(ROOT, 'consumer/kit')];
  const { stdout } = await promisify(execFile)(python.interpreter, program, {
    env: pythonEnvironment(python.generated),
  });
  const lines = stdout.trim().split('\n');
  expect(lines.length).toBeGreaterThan(6);
  expect(lines.filter((line) => !/^[\w-]+: \d+ ok$/.test(line))).toEqual([]);
});

test('its verdicts are those of the vectors', async () => {
  const program = [join(ROOT, 'examples/python/run_verdicts.py'), VECTORS];
  const { stdout } = await promisify(execFile)(python.interpreter, program);
  expect(stdout).toMatch(/^\d{3,} cases, 0 differ\n$/);
});

test('5,000 drawn cases (5 % of the long form): they are those of the service', async ({ signal }) => {
  const figures = await compareVerdicts({ cases: 5_000, seed: 3 }, python.interpreter, signal);
  expect(figures).toMatchObject({ judged: 5_000, differ: 0, first: [], ok: true });
});

test('it resumes at another instance, mends its copy, and says nothing by old data', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 60, 2);
  await setBindings(db, people.slice(0, 50));
  await setSessions(db, people.slice(0, 40));
  const options = { heartbeatIntervalMs: 500 };
  const inForce = () => policyOf(1n, { maxDataAge: durationFromMs(5_000) });
  await using first = await openFeedApi(db, options, {}, WHOEVER_MAY, inForce);
  await using second = await openFeedApi(db, options, {}, WHOEVER_MAY, inForce);
  await using near = await openCable(Number(new URL(first.url).port));
  await using far = await openCable(Number(new URL(second.url).port));
  far.cut();
  const [nearUrl, farUrl] = [near, far].map(({ port }) => `http://127.0.0.1:${port}`);
  await using consumer = await openPythonConsumer(python, nearUrl!, farUrl!);
  expect(await consumer.ask('whole')).toBe(true);

  far.mend();
  near.cut();
  await setBindings(db, people.slice(0, 5), 'unbound');
  const moved = await moveProfiles(db, people[6]!, people[59]!);
  const newest = await setSessions(db, people.slice(10, 20), { deleted: true });
  await expectExact(consumer, db, { ids: moved!, statuses: newest! });
  const modes = await consumer.ask<string[]>('modes', 'statuses');
  expect([modes[0], modes.length > 1, modes.slice(1).includes('MODE_SNAPSHOT')]).toEqual([
    'MODE_SNAPSHOT',
    true,
    false,
  ]);

  for (const stream of ['ids', 'statuses']) {
    expect(await consumer.ask<string[]>('lose', stream)).toHaveLength(2);
    expect(await consumer.ask<number>('repaired', stream)).toBeGreaterThan(0);
  }
  await expectExact(consumer, db, { ids: moved!, statuses: newest! });

  far.cut();
  expect(await consumer.ask('aged', '5')).toBe(true);
  const answer = await consumer.ask<Answer>('check', ...driverNo(people[0]!), 'moscow');
  expect(answer).toMatchObject({
    allowed: true,
    version: 1,
    deptrans_id: { outcome: 'unknown', reason: 'data_too_old' },
  });
});

test('its checks are those of the service', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 11);
  const [newcomer, nobody] = [people[0]!, people[10]!];
  await setBindings(db, people.slice(1, 9));
  await setBindings(db, [people[2]!], 'recheck');
  await setBindings(db, [people[3]!], 'rejected');
  await setSessions(db, people.slice(1, 4));
  await setSessions(db, [people[4]!], { endsInMs: -1_000 });
  await setSessions(db, [people[5]!], { status: 'issued' });
  await setSessions(db, [people[6]!], { status: 'finished' });
  await setSessions(db, [people[7]!], { status: 'unrecognised', raw: 'PAUSED' });
  await setSessions(db, [newcomer], { status: 'canceled' });
  await moveProfiles(db, nobody, null);
  await using callers = await openCallers();
  const token = await callers.token(CANDIDATES);
  let inForce = inForceIn(REGIONS);
  await using api = await openFeedApi(db, { heartbeatIntervalMs: 500 }, {}, callers.auth, () => inForce);
  await using consumer = await openPythonConsumer({ ...python, token }, api.url);
  expect(await consumer.ask('whole')).toBe(true);

  const rule = (check: Check, mode: EnforcementMode, fields = {}) => ({ check, mode, ...fields });
  const { DEPTRANS_ID, SESSION } = Check;
  const { WARN, BLOCK, DEPRIORITISE } = EnforcementMode;
  inForce = policyOf(3n, {
    regions: [
      {
        region: 'moscow',
        endsSoon: durationFromMs(86_400_000),
        rules: [
          rule(DEPTRANS_ID, BLOCK, { share: 0.5 }),
          rule(DEPTRANS_ID, WARN, { include: { parkIds: ['park-4'] }, share: 0 }),
          rule(SESSION, BLOCK, { categories: ['business'], exclude: { parkIds: ['park-6'] } }),
          rule(SESSION, DEPRIORITISE),
        ],
      },
    ],
  });
  api.feed.setPolicy(inForce.message);
  expect(await consumer.ask('policy', '3')).toBe(true);

  const drivers = [...people, 1_000_000].map((no) => driverNo(no));
  const said = new Set<string>();
  for (const [region, ...categories] of [
    ['moscow', 'business'],
    ['moscow', 'econom'],
    ['moscow'],
    ['tver'],
    ['omsk'],
  ]) {
    const { results, policyVersion } = await api.diagnostics.checkDrivers(
      { drivers: drivers.map(([parkId, driverId]) => ({ parkId, driverId })), region: region!, categories },
      { headers: { authorization: `Bearer ${token}` } },
    );
    for (const [i, driver] of drivers.entries()) {
      const { verdicts, allowed } = results[i]!;
      const [id, shift] = verdicts.map(wordsOf);
      const told = { deptrans_id: id, session: shift, allowed, version: Number(policyVersion) };
      expect(await consumer.ask<Answer>('check', ...driver, region!, ...categories), driver.join('/')).toMatchObject(
        told,
      );
      for (const { outcome, reason, mode } of [id!, shift!]) said.add(`${outcome} ${reason} ${mode}`);
    }
  }
  expect(said.size).toBeGreaterThan(16);
});

test('it changes over to each policy, keeps the last one on its own, and has a switch', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const [person] = (await addPeople(db, 1)) as [number];
  await setBindings(db, [person], 'rejected');
  const api = await openFeedApi(db, { heartbeatIntervalMs: 500 });
  await using consumer = await openPythonConsumer(python, api.url);
  expect(await consumer.ask('whole')).toBe(true);
  const check = () => consumer.ask<Answer>('check', ...driverNo(person), 'moscow');
  const blocking = (version: bigint, fields = {}, maxDataAgeMs = 60_000) => {
    const rules = [{ check: Check.DEPTRANS_ID, mode: EnforcementMode.BLOCK }];
    const policy = { maxDataAge: durationFromMs(maxDataAgeMs), regions: [{ region: 'moscow', rules }] };
    return inForceIn(REGIONS, { version, policy, ...fields }).message;
  };
  const failing = { outcome: 'fail', reason: 'id_rejected' };
  expect(await check()).toMatchObject({ allowed: true, deptrans_id: { ...failing, mode: 'observe', rule: -1 } });
  api.feed.setPolicy(blocking(1n));
  expect(await consumer.ask('policy', '1')).toBe(true);
  expect(await check()).toMatchObject({ allowed: false, deptrans_id: { ...failing, mode: 'block', rule: 0 } });
  const regions = REGIONS.map(({ id, on, tariffs }) => ({ region: id, on, tariffs, steppedBack: true }));
  api.feed.setPolicy(blocking(2n, { regions }));
  expect(await consumer.ask('policy', '2')).toBe(true);
  expect(await check()).toMatchObject({ allowed: true, deptrans_id: { ...failing, mode: 'warn' } });
  api.feed.setPolicy(blocking(3n, { suspended: true }));
  expect(await consumer.ask('policy', '3')).toBe(true);
  const suspended = { allowed: true, deptrans_id: { outcome: 'unknown', reason: 'suspended', mode: 'off' } };
  expect(await check()).toMatchObject(suspended);
  api.feed.setPolicy(blocking(4n));
  expect(await consumer.ask('policy', '4')).toBe(true);
  await consumer.ask('suspend');
  expect(await check()).toMatchObject(suspended);
  await consumer.ask('resume');
  expect(await check()).toMatchObject({ allowed: false });
  api.feed.setPolicy(blocking(5n, {}, 3_000));
  expect(await consumer.ask('policy', '5')).toBe(true);
  await api[Symbol.asyncDispose]();
  expect(await consumer.ask('aged', '3')).toBe(true);
  expect(await check()).toMatchObject({ allowed: true, version: 5, deptrans_id: { reason: 'data_too_old' } });
});

const driverNo = (no: number): [string, string] => [`park-${no % 10}`, `driver-${no}-1`];

const policyOf = (version: bigint, policy: MessageInitShape<typeof PolicySchema>) =>
  inForceIn(REGIONS, { version, policy: { maxDataAge: durationFromMs(60_000), ...policy } });

/** A verdict in the words of the example. */
const wordsOf = ({ outcome, reason, mode, rule = -1 }: DriverVerdict) => ({
  outcome: nameOf(VerdictOutcome, outcome),
  reason: reason === VerdictReason.UNSPECIFIED ? 'ok' : nameOf(VerdictReason, reason),
  mode: nameOf(EnforcementMode, mode),
  rule,
});

const nameOf = (names: Record<string, number>, value: number) =>
  Object.keys(names)
    .find((name) => names[name] === value)
    ?.toLowerCase();

type Said = { outcome: string; reason: string; mode: string; rule: number };
type Answer = { deptrans_id: Said; session: Said; allowed: boolean; region: string; version: number };

/** What it holds has the versions that the database has; the digests speak for the rest. */
async function expectExact(consumer: PythonConsumer, db: Db, through: { ids: number; statuses: number }) {
  for (const stream of ['ids', 'statuses'] as const) {
    const held = await consumer.ask<Record<string, HeldRecord>>('dump', stream, BigInt(through[stream]));
    const versions = new Map(Object.entries(held).map(([key, { seq }]) => [key, String(seq)]));
    const wanted = await readRecords(db, stream);
    expect(versions).toEqual(new Map([...wanted].map(([key, { seq }]) => [key, seq])));
  }
}
