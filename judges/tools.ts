import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');
const CACHE = join(ROOT, '.cache/judges');

/** A program of a Go module, built once for each version: `goTool('example.com/x/cmd/tool@v1.2.3')`. Returns its path. */
export async function goTool(module: string): Promise<string> {
  const [path, version] = module.split('@') as [string, string];
  const folder = join(CACHE, `go-${version}-${path.replace(/\W+/g, '-')}`);
  const name = path.split('/').at(-1)!;
  await makeOnce(folder, async (making) => {
    const env = { ...process.env, GOBIN: making, GOCACHE: join(ROOT, '.cache/go/build'), GOFLAGS: '' };
    await fetching(() => run('go', ['install', module], { env, maxBuffer: 64 * 1024 * 1024 }));
  });
  return join(folder, name);
}

/** The folder of a program of a Python package, installed once for each version into an environment of its own: `pythonTool('name==1.2.3')`. */
export async function pythonTool(requirement: string): Promise<string> {
  const folder = join(CACHE, `python-${requirement.replace(/[^\w.]+/g, '-')}`);
  await makeOnce(folder, async (making) => {
    await run('python3', ['-m', 'venv', making]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', requirement];
    await fetching(() => run(join(making, 'bin/python'), pip));
  });
  return join(folder, 'bin');
}

const ATTEMPTS = 4;
const OF_THE_NETWORK =
  /dial tcp|i\/o timeout|connection (?:reset|refused)|unexpected EOF|TLS handshake|deadline exceeded|Timeout|(?:429|5\d\d) (?:Too Many|Internal|Bad Gateway|Service|Gateway)|NewConnectionError/;

/** Runs what may fetch something, and runs it once more, after a while, where the network was what failed. */
export async function fetching<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const said = String((error as { stderr?: string }).stderr ?? '');
      if (attempt === ATTEMPTS || !OF_THE_NETWORK.test(said)) throw error;
      await pause(2_000 * 2 ** attempt);
    }
  }
}

/** Makes a folder as a whole or not at all; whoever comes second uses the first one's. */
async function makeOnce(folder: string, make: (making: string) => Promise<void>): Promise<void> {
  if (existsSync(folder)) return;
  await mkdir(CACHE, { recursive: true });
  const scratch = await mkdtemp(join(CACHE, 'making-'));
  const making = join(scratch, 'made');
  await make(making);
  await rename(making, folder).catch(() => {});
  await rm(scratch, { recursive: true, force: true });
}
