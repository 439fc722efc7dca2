import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const GUARD_MS = 120_000;
const PATH = [join(import.meta.dirname, '../../node_modules/.bin'), process.env['PATH']].join(delimiter);

/** A shell in an empty folder of its own, as of somebody who tries what he reads. Disposing ends what still runs and removes the folder. */
export type Shell = AsyncDisposable & {
  /** What a command prints. Rejects if it fails, writes to standard error, or takes longer than two minutes. */
  run(command: string): Promise<string>;
  /** What a command that does not end by itself has printed when `enough` says so; then it is ended. */
  runUntil(command: string, enough: (printed: string) => boolean): Promise<string>;
};

export async function openShell(): Promise<Shell> {
  const cwd = await mkdtemp(join(tmpdir(), 'deptrans-shell-'));
  const running = new Set<ChildProcess>();
  const env = { PATH, HOME: cwd };
  return {
    async run(command) {
      const { stdout, stderr } = await promisify(execFile)('sh', ['-c', command], { cwd, env, timeout: GUARD_MS });
      if (stderr !== '') throw new Error(`${command} complained: ${stderr}`);
      return stdout;
    },
    async runUntil(command, enough) {
      const child = spawn('sh', ['-c', command], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
      running.add(child);
      const timer = setTimeout(() => killGroup(child), GUARD_MS);
      let printed = '';
      for await (const text of child.stdout) {
        printed += text;
        if (enough(printed)) break;
      }
      clearTimeout(timer);
      if (!enough(printed)) throw new Error(`${command} ended too early: ${printed}`);
      await end(child);
      running.delete(child);
      return printed;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map(end));
      await rm(cwd, { recursive: true });
    },
  };
}

/** The shell and whatever it started, which is a process group of its own. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  killGroup(child);
  await ended;
}

function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL');
}
