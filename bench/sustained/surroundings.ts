import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Starts the neighbours and the regulator, see answer-all.ts. */
export async function startSurroundings(): Promise<AsyncDisposable & { url: string }> {
  const child = fork(fileURLToPath(new URL('answer-all.ts', import.meta.url)));
  const exited = once(child, 'exit');
  const gone = exited.then(() => Promise.reject(new Error('The surroundings ended by themselves.')));
  const [{ port }] = (await Promise.race([once(child, 'message'), gone])) as [{ port: number }];
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await exited.catch(() => undefined);
    },
  };
}
