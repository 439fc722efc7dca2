import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { VerdictOutcome, VerdictReason } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { compareVerdicts } from '../../soak/verdicts/verdicts.ts';
import type { Db } from '../../src/store/database.ts';
import { CANDIDATES, openCallers } from '../support/callers.ts';
import { openTestDatabase } from '../support/database.ts';
import { openFeedApi } from '../support/feed/api.ts';
import { openCable } from '../support/feed/cable.ts';
import { addPeople, moveProfiles, readRecords, setBindings, setSessions } from '../support/feed/world.ts';
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
}, 180_000);

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
  await using first = await openFeedApi(db, options);
  await using second = await openFeedApi(db, options);
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
  const { deptrans_id: verdict, allowed } = await consumer.ask<Answer>('check', 'park-1', `driver-${people[0]}-1`);
  expect([verdict, allowed]).toEqual([['UNKNOWN', 'DATA_TOO_OLD'], true]);
}, 60_000);

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
  await using api = await openFeedApi(db, { heartbeatIntervalMs: 500 }, {}, callers.auth);
  await using consumer = await openPythonConsumer({ ...python, token }, api.url);
  expect(await consumer.ask('whole')).toBe(true);

  const drivers = [...people, 1_000_000].map((no) => ({ parkId: `park-${no % 10}`, driverId: `driver-${no}-1` }));
  const { results } = await api.diagnostics.checkDrivers(
    { drivers, region: 'moscow' },
    { headers: { authorization: `Bearer ${token}` } },
  );
  const said = new Set<string>();
  for (const [i, { parkId, driverId }] of drivers.entries()) {
    const { deptrans_id, session } = await consumer.ask<Answer>('check', parkId, driverId);
    const told = results[i]!.verdicts.map(({ outcome, reason }) => [
      nameOf(VerdictOutcome, outcome),
      reason === VerdictReason.UNSPECIFIED ? null : nameOf(VerdictReason, reason),
    ]);
    expect([deptrans_id, session], `${parkId}/${driverId}`).toEqual(told);
    for (const verdict of told) said.add(verdict.join(' '));
  }
  expect(said.size).toBeGreaterThan(8);
});

const nameOf = (names: Record<string, number>, value: number) =>
  Object.keys(names).find((name) => names[name] === value) ?? null;

type Answer = { deptrans_id: (string | null)[]; session: (string | null)[]; allowed: boolean };

/** What it holds has the versions that the database has; the digests speak for the rest. */
async function expectExact(consumer: PythonConsumer, db: Db, through: { ids: number; statuses: number }) {
  for (const stream of ['ids', 'statuses'] as const) {
    const held = await consumer.ask<Record<string, HeldRecord>>('dump', stream, BigInt(through[stream]));
    const versions = new Map(Object.entries(held).map(([key, { seq }]) => [key, String(seq)]));
    const wanted = await readRecords(db, stream);
    expect(versions).toEqual(new Map([...wanted].map(([key, { seq }]) => [key, seq])));
  }
}
