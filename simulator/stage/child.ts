import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A Node process of this repository that was started here and is ended here, by its id. */
export type Child = AsyncDisposable & {
  readonly process: ChildProcess;
  /** Ends it: by SIGTERM, and by SIGKILL if it is still there after `graceMs`, a minute by default. Returns the exit code, null after a signal. */
  stop(graceMs?: number): Promise<number | null>;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<number | null>;
};

export type ChildOptions<T> = {
  /** A file below the repository's root. */
  file: string;
  args?: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Looks for the sign of readiness in each line of the standard output; what it returns is the child's greeting. */
  greeting(line: string): T | null;
  /** Every line, greeting included. */
  onLine?(line: string): void;
  timeoutMs?: number;
};

const ROOT = join(import.meta.dirname, '../..');
const KEPT_LINES = 20;

/** Code that was compiled once for all who start it; what has changed since is compiled anew. The image has the like. */
const COMPILED = join(ROOT, '.cache/compiled');

/** Starts a process and waits for its greeting. Rejects with its last words if it ends, or says nothing for `timeoutMs`. */
export async function startChild<T>(options: ChildOptions<T>): Promise<Child & { greeting: T }> {
  const { file, args = [], env, greeting, onLine, timeoutMs = 300_000 } = options;
  const child = spawn(process.execPath, [...process.execArgv, join(ROOT, file), ...args], {
    env: { ...inherited(), NODE_COMPILE_CACHE: COMPILED, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  const greeted = Promise.withResolvers<T>();
  const last: string[] = [];
  const hear = (line: string) => {
    last.push(line);
    if (last.length > KEPT_LINES) last.shift();
    onLine?.(line);
    const found = greeting(line);
    if (found !== null) greeted.resolve(found);
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', hear);
  const failed = (why: string) => greeted.reject(new Error(`${file} ${why}. Its last words:\n${last.join('\n')}`));
  const timer = setTimeout(() => failed(`did not come up within ${timeoutMs / 1000} s`), timeoutMs);
  void ended.then((code) => failed(`ended with ${code ?? 'a signal'}`));

  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  const stop = async (graceMs = 60_000) => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), graceMs);
    const code = await ended;
    clearTimeout(late);
    return code;
  };
  try {
    return {
      process: child,
      greeting: await greeted.promise,
      ended,
      kill,
      stop,
      [Symbol.asyncDispose]: async () => void (await stop()),
    };
  } catch (error) {
    await kill();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What a child needs of our surroundings, and nothing that would configure it. */
function inherited(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG'];
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
