import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const MAIN = join(import.meta.dirname, '../../simulator/demo/main.ts');

/** The process behind `make run`, with all that it starts in a process group of its own, as of a terminal. */
export type Demo = AsyncDisposable & {
  /** What it has printed so far. */
  readonly lines: readonly string[];
  /** Resolves with the first line, old or new, that matches. Rejects if it ends before. */
  untilLine(pattern: RegExp): Promise<RegExpExecArray>;
  /** What Ctrl-C does: everybody in the group is told to stop. */
  interrupt(): void;
  /** Resolves when it has ended and everything it printed has been read. */
  readonly ended: Promise<{ code: number | null; complaints: string }>;
};

export function startDemo(env: Readonly<Record<string, string>>): Demo {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', MAIN], {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const lines: string[] = [];
  const heard = new EventTarget();
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line);
    heard.dispatchEvent(new Event('line'));
  });
  let complaints = '';
  child.stderr.on('data', (text) => {
    complaints += text;
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, complaints }));
  const find = (pattern: RegExp) => lines.map((line) => pattern.exec(line)).find((match) => match !== null);
  return {
    lines,
    ended,
    async untilLine(pattern) {
      const tooEarly = ended.then(() => {
        throw new Error(`${pattern} was never printed, but:\n${[...lines.slice(-5), complaints].join('\n')}`);
      });
      tooEarly.catch(() => {}); // of no interest once the line is there
      for (;;) {
        const match = find(pattern);
        if (match) return match;
        await Promise.race([once(heard, 'line'), tooEarly]);
      }
    },
    interrupt: () => void process.kill(-child.pid!, 'SIGINT'),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await ended;
    },
  };
}
