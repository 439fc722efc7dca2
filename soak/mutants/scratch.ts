import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Mutation } from './mutations.ts';

/** How the tests of a file ended. `broken`: not one of them could be run. */
export type Verdict = { kind: 'green' } | { kind: 'red'; failed: string } | { kind: 'broken'; said: string };

/** A copy of the tree, in which tests can be run over a changed source. The tree itself is only read. */
export type Scratch = AsyncDisposable & {
  /** Runs test files on the copy as it is. */
  run(tests: readonly string[], signal: AbortSignal): Promise<Verdict>;
  /** Runs the mutation's tests with its text replaced. Null if the text does not stand in its file exactly once. */
  runMutated(mutation: Mutation, signal: AbortSignal): Promise<Verdict | null>;
};

const ROOT = resolve(import.meta.dirname, '../..');
const COPIED = [
  'config',
  'consumer',
  'gen',
  'keys',
  'migrations',
  'package.json',
  'simulator',
  'soak',
  'src',
  'test',
  'tsconfig.json',
  'verdict',
];

/** `postgresUrl`: a server that has the template of the test databases. No broker is there. */
export async function openScratch(postgresUrl: string): Promise<Scratch> {
  const folder = await mkdtemp(join(tmpdir(), 'deptrans-mutants-'));
  const report = join(folder, 'results.json');
  for (const name of COPIED) await cp(join(ROOT, name), join(folder, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const config = { pool: 'forks', maxWorkers: 1, testTimeout: 30_000, provide: { postgresUrl, kafkaBrokers: '' } };
  await writeFile(join(folder, 'vitest.config.mjs'), `export default ${JSON.stringify({ test: config })};\n`);

  const run: Scratch['run'] = async (tests, signal) => {
    await rm(report, { force: true });
    const vitest = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--bail=1', '--reporter=json'];
    const child = spawn(process.execPath, [...vitest, `--outputFile=${report}`, ...tests], {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: process.env['TMPDIR'] },
      stdio: ['ignore', 'ignore', 'pipe'],
      signal,
    });
    const said: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
    await once(child, 'close');
    return verdictOf(await readFile(report, 'utf8').catch(() => ''), Buffer.concat(said).toString('utf8'));
  };

  return {
    run,
    async runMutated({ file, text, replacement, test }, signal) {
      const path = join(folder, file);
      const original = await readFile(path, 'utf8');
      if (original.split(text).length !== 2) return null;
      await writeFile(path, original.split(text).join(replacement));
      try {
        return await run([test], signal);
      } finally {
        await writeFile(path, original);
      }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

type Results = {
  numPassedTests: number;
  numFailedTests: number;
  numFailedTestSuites: number;
  testResults: { assertionResults: { status: string; title: string }[] }[];
};

function verdictOf(text: string, said: string): Verdict {
  if (text === '') return { kind: 'broken', said };
  const { numPassedTests, numFailedTests, numFailedTestSuites, testResults } = JSON.parse(text) as Results;
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests.find(({ status }) => status === 'failed');
  if (failed) return { kind: 'red', failed: failed.title };
  const whole = numFailedTests === 0 && numFailedTestSuites === 0 && numPassedTests > 0;
  return whole ? { kind: 'green' } : { kind: 'broken', said };
}
