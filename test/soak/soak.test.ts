import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runSoak, type Soak } from '../../soak/soak.ts';
import { findSoak, soaks } from '../../soak/soaks.ts';

const never = new AbortController().signal;
const counting: Soak = {
  name: 'counting',
  shows: 'nothing',
  options: { from: 1, to: 10 },
  deadlineMs: () => 200,
  run: ({ from = 0, to = 0 }, signal) =>
    to > 100 ? pause(60_000, { ok: true }, { signal }) : Promise.resolve({ counted: to - from, ok: to > from }),
};

test('a line has the name, the options, the figures, the time and the verdict', async () => {
  onTestFinished(() => void vi.restoreAllMocks());
  let atMs = 1_000;
  vi.spyOn(performance, 'now').mockImplementation(() => atMs);
  const slow: Soak = {
    ...counting,
    run(options, signal) {
      atMs += 2_600;
      return counting.run(options, signal);
    },
  };
  const line = await runSoak(slow, { to: 5 }, never);
  expect(line).toEqual({ name: 'counting', from: 1, to: 5, counted: 4, seconds: 3, ok: true });
  expect(Object.keys(line)[0]).toBe('name');
  expect(await runSoak(counting, { to: 0 }, never)).toMatchObject({ counted: -1, ok: false });
});

test('a soak that does not end in its time, or is interrupted, has no figures', async () => {
  await expect(runSoak(counting, { to: 101 }, never)).rejects.toThrow('counting did not end within 0.2 s.');
  const interrupted = AbortSignal.abort(new Error('Interrupted.'));
  await expect(runSoak(counting, { to: 101 }, interrupted)).rejects.toThrow();
});

test('names are told apart, and each soak says what it shows', () => {
  expect(new Set(soaks.map(({ name }) => name)).size).toBe(soaks.length);
  for (const soak of soaks) {
    expect(findSoak(soak.name)).toBe(soak);
    expect(soak.deadlineMs(soak.options)).toBeGreaterThan(0);
    expect(soak.shows).not.toBe('');
  }
});

test.each<[string, string[], RegExp]>([
  ['no name', [], /^Name a soak\. There are:\n {2}\w/],
  ['an unknown name', ['nothing'], /^There is no soak "nothing"\./],
  ['an unknown option', ['balance', '--evnts=3'], /evnts/],
  ['an option that is no number', ['balance', '--events=many'], /--events must be a whole number\./],
])('asked for with %s it says so and ends with 2', (_, args, said) => {
  const main = join(import.meta.dirname, '../../soak/main.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  expect(stderr).toMatch(said);
  expect(stdout).toBe('');
  expect(status).toBe(2);
});
