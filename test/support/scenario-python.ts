import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { openPython } from '../foreign/python.ts';

const PROGRAM = join(import.meta.dirname, '../foreign/python/watch_statuses.py');

/** A session as the Python client holds it. Times in µs since 1970, `session_status` the number of the contract. */
export type WatchedSession = {
  session_status: number;
  updated_at: number;
  ended_at: number | null;
  region: string;
  seq: number;
};

/** A Python process that watches statuses from the moment this resolves: its snapshot is complete. */
export type PythonWatch = AsyncDisposable & {
  /** Its map of sessions by `park_id/driver_id`, as soon as it has seen everything through `seq`; then it ends. */
  finish(seq: bigint): Promise<Record<string, WatchedSession>>;
};

export async function openPythonWatch(
  { interpreter, generated }: Awaited<ReturnType<typeof openPython>>,
  serviceUrl: string,
): Promise<PythonWatch> {
  const child = spawn(interpreter, [PROGRAM, new URL(serviceUrl).host], {
    env: { PATH: process.env['PATH'], PYTHONPATH: generated },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => {
    const { done, value } = await lines.next();
    if (done) throw new Error(`The Python client ended with ${(await ended)[0]}`);
    return value;
  };
  const stop = async () => {
    end(child);
    await ended;
  };
  try {
    for (let line = ''; line !== 'watching'; ) line = await next();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    async finish(seq) {
      child.stdin.write(`${seq}\n`);
      return JSON.parse(await next()) as Record<string, WatchedSession>;
    },
    [Symbol.asyncDispose]: stop,
  };
}

function end(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
}
