import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Reports answered since the last count, to how many drivers they were, and sessions asked for: one for each call whose end nobody saw. */
export type Counts = { calls: number; drivers: number; readings: number };

/** A regulator that accepts everything after `delayMs`, in a process of its own, so that its CPU does not count. */
export type AnsweringServer = AsyncDisposable & {
  readonly url: string;
  /** Tells what was counted and begins anew. */
  count(): Promise<Counts>;
};

export async function startAnsweringServer(delayMs: number): Promise<AnsweringServer> {
  const child = fork(fileURLToPath(new URL('answer-calls.ts', import.meta.url)), [String(delayMs)]);
  const exited = once(child, 'exit');
  const next = async <T>(): Promise<T> => {
    const gone = exited.then(() => Promise.reject(new Error('The answering server ended by itself.')));
    const [message] = await Promise.race([once(child, 'message'), gone]);
    return message as T;
  };
  const { port } = await next<{ port: number }>();
  return {
    url: `http://127.0.0.1:${port}`,
    count() {
      const counts = next<Counts>();
      child.send('count');
      return counts;
    },
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await exited;
    },
  };
}
