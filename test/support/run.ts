import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs all tests (or those named) and ends with the line that CI reads. Fails if a test failed, was skipped, or none ran. */
type Results = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  success: boolean;
};

const folder = mkdtempSync(join(tmpdir(), 'deptrans-tests-'));
const file = join(folder, 'results.json');
const { status } = spawnSync(
  'vitest',
  ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
const results = read();
rmSync(folder, { recursive: true });
const { numPassedTests: passed, numFailedTests: failed } = results;
const left = results.numPendingTests + results.numTodoTests;
process.stdout.write(`${passed} passed, ${failed} failed${left > 0 ? `, ${left} skipped` : ''}\n`);
process.exitCode = status === 0 && results.success && passed > 0 && left === 0 ? 0 : 1;

function read(): Results {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, success: false };
  }
}
