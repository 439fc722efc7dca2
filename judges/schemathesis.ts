import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pythonTool } from './tools.ts';

const VERSION = 'schemathesis==4.32.5';
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
];

export type SchemathesisRun = { ok: boolean; output: string; generated: number; passed: number };

/** So many generated requests, good and bad, to each operation of what is served at `url`: no server error, no answer that is not described. */
export async function runSchemathesis(url: string, perOperation: number): Promise<SchemathesisRun> {
  const folder = await pythonTool(VERSION);
  // It keeps a database of examples where it runs; the interpreter is named, since a moved environment's scripts name where it was made.
  const cwd = await mkdtemp(join(tmpdir(), 'schemathesis-'));
  // How fast requests are made up says something of the machine and nothing of what is asked.
  const examples = ['--max-examples', String(perOperation), '--suppress-health-check', 'too_slow'];
  const options = [...examples, '--checks', CHECKS.join(), '--phases', 'fuzzing'];
  const headers = ['X-YaTaxi-Park-Id: park', 'X-YaTaxi-Driver-Profile-Id: driver'].flatMap((one) => ['--header', one]);
  const entry = 'from schemathesis.cli import schemathesis; schemathesis()';
  const args = ['-c', entry, 'run', `${url}/openapi.json`, ...options, ...headers, '--seed', '1', '--no-color'];
  try {
    const { code, stdout } = await promisify(execFile)(join(folder, 'python'), args, {
      cwd,
      maxBuffer: 64 * 1024 * 1024,
    }).then(
      (done) => ({ code: 0, stdout: done.stdout }),
      (error: { code: number; stdout: string; stderr: string }) => ({
        code: error.code,
        stdout: error.stdout + error.stderr,
      }),
    );
    const [, generated = '0', passed = '0'] = /(\d+) generated, (\d+) passed/.exec(stdout) ?? [];
    return { ok: code === 0, output: stdout, generated: Number(generated), passed: Number(passed) };
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}
