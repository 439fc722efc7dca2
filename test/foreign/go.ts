import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const EXAMPLE = join(ROOT, 'examples/go');
const CACHE = join(ROOT, '.cache/go');

/** Builds the client of examples/go, with code generated from the contract as it is. Returns the program. */
export async function buildGoClient(): Promise<string> {
  await mkdir(CACHE, { recursive: true });
  const program = join(CACHE, 'consumer');
  await go('generate', './...');
  await go('vet', './...');
  await go('build', '-o', program, '.');
  return program;
}

async function go(...args: string[]): Promise<void> {
  const env = { ...process.env, GOCACHE: join(CACHE, 'build'), GOFLAGS: '-buildvcs=false' };
  try {
    await run('go', args, { cwd: EXAMPLE, env });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Error('Go 1.24 or newer is needed: install it.');
    throw error;
  }
}
