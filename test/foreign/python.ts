import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fetching } from '../../judges/tools.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const CACHE = join(ROOT, '.cache/python');
const REQUIREMENTS = join(ROOT, 'examples/python/requirements.txt');

/**
 * A Python with grpcio and the contract's generated code, made once per version of requirements and contract. Returns the interpreter and the
 * folder of generated code, for `PYTHONPATH`.
 */
export async function openPython(): Promise<{ interpreter: string; generated: string }> {
  const interpreter = await makeEnvironment();
  return { interpreter, generated: await generate(interpreter) };
}

async function makeEnvironment(): Promise<string> {
  const folder = join(CACHE, `env-${digest(await readFile(REQUIREMENTS))}`);
  await makeOnce(folder, async (making) => {
    await run('python3', ['-m', 'venv', making]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS];
    await fetching(() => run(join(making, 'bin/python'), pip));
  });
  return join(folder, 'bin/python');
}

async function generate(interpreter: string): Promise<string> {
  const proto = join(ROOT, 'proto');
  const names = [
    'records',
    'driver_id',
    'incremental_updates',
    'diagnostics',
    'policy',
    'status_ingest',
    'supply',
    'errors',
  ].map((name) => `deptrans/v1/${name}.proto`);
  const texts = await Promise.all(names.map((name) => readFile(join(proto, name))));
  const folder = join(CACHE, `gen-${digest(Buffer.concat(texts))}`);
  const googleapis = join(ROOT, 'node_modules/google-gax/build/protos');
  await makeOnce(folder, async (making) => {
    await mkdir(making);
    const out = [`-I${proto}`, `-I${googleapis}`, `--python_out=${making}`, `--grpc_python_out=${making}`];
    await run(interpreter, ['-m', 'grpc_tools.protoc', ...out, ...names]);
  });
  return folder;
}

/** Makes a folder as a whole or not at all; whoever comes second uses the first one's. A virtual environment survives the move. */
async function makeOnce(folder: string, make: (making: string) => Promise<void>): Promise<void> {
  if (existsSync(folder)) return;
  await mkdir(CACHE, { recursive: true });
  const scratch = await mkdtemp(join(CACHE, 'making-'));
  const making = join(scratch, 'made');
  await make(making);
  await rename(making, folder).catch(() => {});
  await rm(scratch, { recursive: true, force: true });
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 12);
}
