import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { openPython } from '../foreign/python.ts';

const ROOT = join(import.meta.dirname, '../..');
const DRIVER = join(ROOT, 'test/foreign/python/drive.py');

/** An id or a session as the Python consumer holds it. Times in µs since 1970, enums as the numbers of the contract. */
export type HeldRecord = Record<string, string | number | boolean | null>;

/** The consumer of examples/python in a process of its own, following both streams. */
export type PythonConsumer = AsyncDisposable & {
  /** Gives it one of the commands of `drive.py`, and waits for the answer. */
  ask<Answer>(command: string, ...words: (string | bigint)[]): Promise<Answer>;
};

/** Starts it. `urls`: the instances that it may follow; `token`: what it shows them. */
export async function openPythonConsumer(
  { interpreter, generated, token }: Awaited<ReturnType<typeof openPython>> & { token?: string },
  ...urls: string[]
): Promise<PythonConsumer> {
  const child = spawn(interpreter, [DRIVER, ...urls.map((url) => new URL(url).host)], {
    env: { ...pythonEnvironment(generated), ...(token && { TOKEN: token }) },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child, 'spawn');
  const ended = once(child, 'exit');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async ask<Answer>(...words: (string | bigint)[]) {
      child.stdin.write(`${words.join(' ')}\n`);
      const { done, value } = await lines.next();
      if (done) throw new Error(`The Python consumer ended with ${(await ended)[0]}`);
      return JSON.parse(value) as Answer;
    },
    async [Symbol.asyncDispose]() {
      end(child);
      await ended;
    },
  };
}

/** With the contract's generated code and the example in its path. */
export function pythonEnvironment(generated: string) {
  const path = [generated, join(ROOT, 'examples/python')].join(':');
  return { PATH: process.env['PATH'], PYTHONPATH: path, PYTHONDONTWRITEBYTECODE: '1' };
}

function end(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
}
