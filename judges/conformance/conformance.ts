import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { goTool } from '../tools.ts';

const ROOT = join(import.meta.dirname, '../..');
const MODULE = 'connectrpc.com/conformance';
const VERSION = 'v1.0.5';

export type ConformanceRun = { ok: boolean; output: string };

/** The Connect conformance suite against our edge with its own service mounted, as config.yaml says; no case may fail. */
export async function runConformance(): Promise<ConformanceRun> {
  const suite = await goTool(`${MODULE}/cmd/connectconformance@${VERSION}`);
  const generated = await generate();
  const config = ['--conf', join(import.meta.dirname, 'config.yaml')];
  const server = [process.execPath, join(import.meta.dirname, 'server.ts'), generated];
  const child = spawn(suite, ['--mode', 'server', '--max-servers', '1', ...config, '--', ...server], {
    cwd: ROOT,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += String(part)));
  const [code] = await once(child, 'close');
  return { ok: code === 0, output };
}

/** Code for the suite's messages, from the module as it was downloaded. */
async function generate(): Promise<string> {
  const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', `${MODULE}@${VERSION}`]);
  const { Dir: folder } = JSON.parse(stdout) as { Dir: string };
  const out = join(ROOT, '.cache/judges/conformance');
  const opt = ['target=ts', 'import_extension=ts', 'erasable_syntax=true'];
  const plugin = join(ROOT, 'node_modules/.bin/protoc-gen-es');
  const template = JSON.stringify({ version: 'v2', plugins: [{ local: plugin, out, opt }] });
  await promisify(execFile)('buf', ['generate', join(folder, 'proto'), '--template', template]);
  return out;
}
