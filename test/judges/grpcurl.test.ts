import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goTool } from '../../judges/tools.ts';
import type { Listener } from '../../src/runtime/listener.ts';
import { openStillStub } from '../stub/examples.ts';

let grpcurl: string;
let stub: Listener;
let emptyFolder: string;
beforeAll(async () => {
  grpcurl = await goTool('github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3');
  stub = await openStillStub();
  emptyFolder = await mkdtemp(join(tmpdir(), 'grpcurl-'));
}, 1_800_000);
afterAll(async () => {
  await stub?.close(0);
  await rm(emptyFolder, { recursive: true });
});

const ask = (...args: string[]) =>
  promisify(execFile)(grpcurl, ['-plaintext', ...args], { cwd: emptyFolder }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
/** What a call that does not end by itself has said when it comes to `enough`. */
async function askUntil(enough: string, ...args: string[]): Promise<string> {
  const child = spawn(grpcurl, ['-plaintext', '-max-time', '120', ...args], {
    cwd: emptyFolder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let said = '';
  for await (const text of child.stdout) {
    said += text;
    if (said.includes(enough)) break;
  }
  child.kill('SIGKILL');
  await ended;
  return said;
}
const address = () => `127.0.0.1:${stub.port}`;

test('it finds the services, and describes them, without a schema', async () => {
  const list = (await ask(address(), 'list')).trim().split('\n');
  expect(list).toContain('deptrans.v1.DiagnosticsService');
  expect(await ask(address(), 'describe', 'deptrans.v1.DriverIdService.SetDriverId')).toContain(
    '/driver/v1/deptrans-status/v1/id',
  );
});

test('a call, a stream and a refusal with its reason', async () => {
  const check = await ask(
    '-d',
    '{"park_id": "p", "driver_id": "no-session"}',
    address(),
    'deptrans.v1.DiagnosticsService/CheckDriver',
  );
  expect(JSON.parse(check)).toMatchObject({ verdicts: [{}, {}] });
  const watch = await askUntil('"snapshotEnd"', address(), 'deptrans.v1.IncrementalUpdatesService/WatchIds');
  expect(watch).toContain('"snapshotEnd"');
  const refused = await ask('-H', 'x-stub-answer: conflict', address(), 'deptrans.v1.DiagnosticsService/CheckDriver');
  expect(refused).toContain('Aborted');
  expect(refused).toContain('CONFLICT');
});
