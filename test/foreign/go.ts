import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fetching } from '../../judges/tools.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const EXAMPLE = join(ROOT, 'examples/go');
const CALLS = join(import.meta.dirname, 'grpc-go');
const CACHE = join(ROOT, '.cache/go');

/** Builds the client of examples/go, with code generated from the contract as it is. Returns the program. */
export async function buildGoClient(): Promise<string> {
  await mkdir(CACHE, { recursive: true });
  const program = join(CACHE, 'consumer');
  await go(EXAMPLE, 'generate', './...');
  await go(EXAMPLE, 'vet', './...');
  await go(EXAMPLE, 'build', '-o', program, '.');
  return program;
}

/** Builds the caller of grpc-go. Returns the program and the file with the contract that it wants. */
export async function buildGrpcGo(): Promise<{ program: string; contract: string }> {
  await mkdir(CACHE, { recursive: true });
  const [program, contract] = [join(CACHE, 'calls'), join(CACHE, 'contract.binpb')];
  await go(CALLS, 'build', '-o', program, '.');
  await run(join(ROOT, 'node_modules/.bin/buf'), ['build', ROOT, '--as-file-descriptor-set', '-o', contract]);
  return { program, contract };
}

async function go(cwd: string, ...args: string[]): Promise<void> {
  const env = { ...process.env, GOCACHE: join(CACHE, 'build'), GOFLAGS: '-buildvcs=false' };
  try {
    await fetching(() => run('go', args, { cwd, env }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Error('Go 1.24 or newer is needed: install it.');
    throw error;
  }
}
