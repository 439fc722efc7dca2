import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Holder, makeKeys, openTokenMaker } from '../../keys/keys.ts';
import { openScenario, type Scenario } from '../support/scenario.ts';
import { openShell, type Shell } from '../support/scenario-shell.ts';

/** What each example of the README must print. Those that watch are ended once they have printed enough. */
const promises: Record<string, { check(printed: string): void; enough?(printed: string): boolean }> = {
  driver: {
    check: (printed) => expect(JSON.parse(printed)).toMatchObject({ id: { bound: true, state: 'STATE_BOUND' } }),
  },
  watch: {
    enough: (printed) => printed.includes('"snapshotEnd"'),
    check(printed) {
      const frames = printed.split(/\n(?=\{)/).map((frame) => Object.keys(JSON.parse(frame))[0]);
      expect(frames.slice(0, 2)).toEqual(['hello', 'snapshotBegin']);
      expect(frames).toContain('changes');
    },
  },
  list: {
    check(printed) {
      const { statuses, cursor, has_more } = JSON.parse(printed);
      expect(statuses.length).toBeGreaterThanOrEqual(3); // profiles of one person are not parted
      expect(statuses[0]).toMatchObject({ park_id: expect.any(String), session_status: expect.any(String) });
      expect([typeof cursor, has_more]).toEqual(['string', true]);
    },
  },
  check: {
    check: (printed) =>
      expect(JSON.parse(printed)).toMatchObject({
        verdicts: [{ check: 'CHECK_DEPTRANS_ID', outcome: 'VERDICT_OUTCOME_PASS' }, { check: 'CHECK_SESSION' }],
      }),
  },
  status: {
    check: (printed) =>
      expect(JSON.parse(printed)).toMatchObject({
        regulator: {},
        balance: { taken: expect.any(String) },
        mirror: [{}, {}],
      }),
  },
};

const readme = await readFile(join(import.meta.dirname, '../../README.md'), 'utf8');
const examples = [...readme.matchAll(/<!-- example: (\S+) -->\n```sh\n([\s\S]*?)```/g)].map(
  ([, name, command]) => [name!, command!] as const,
);

/** Who runs each example. */
const CALLERS: Record<string, Holder> = {
  driver: { kind: 'service', name: 'driver-gateway' },
  watch: { kind: 'service', name: 'candidates' },
  list: { kind: 'service', name: 'candidates' },
  check: { kind: 'service', name: 'driver-diagnostics' },
  status: { kind: 'engineer', name: 'your-name' },
};

let keys: string;
let scenario: Scenario;
let shell: Shell;
let driver: { parkId: string; driverId: string };

beforeAll(async () => {
  shell = await openShell();
  keys = await mkdtemp(join(tmpdir(), 'deptrans-keys-'));
  await makeKeys(keys);
  scenario = await openScenario({ people: 40, rate: 40, broker: false, keys });
  const { city, regulator } = scenario.simulator;
  await scenario.startService();
  await city.start();
  await vi.waitFor(() => expect(regulator.calls.answers['accepted']).toBeGreaterThan(10), { timeout: 120_000 });
  await city.freeze();
  await vi.waitFor(() => expect(city.state().bindingsUnderWay).toBe(0), { timeout: 120_000 });
  driver = city.people.find(({ deptransId, pdId }) => city.truth.holder(deptransId) === pdId)!.profiles[0]!;
});
afterAll(async () => {
  await scenario?.[Symbol.asyncDispose]();
  await shell?.[Symbol.asyncDispose]();
  await rm(keys, { recursive: true, force: true });
});

test('every promise here is an example of the README', () => {
  expect(examples.map(([name]) => name).sort()).toEqual(Object.keys(promises).sort());
});

test.each(examples)('the example "%s" of the README does what it says', async (name, written) => {
  const token = await (await openTokenMaker(keys)).token(CALLERS[name]!);
  const command = written
    .replaceAll('$TOKEN', token)
    .replaceAll('PARK', driver.parkId)
    .replaceAll('DRIVER', driver.driverId)
    .replaceAll('http://127.0.0.1:8080', scenario.serviceUrl);
  const promise = promises[name]!;
  promise.check(await (promise.enough ? shell.runUntil(command, promise.enough) : shell.run(command)));
});
