import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import type { BenchDatabase } from '../database/bench-server.ts';

export type ServedPolls = AsyncDisposable & { readonly url: string; cpuMs(): Promise<number> };

/** The brief's way as a process, over a database that gets the index it asks for. */
export async function servePolls({ db, url }: BenchDatabase): Promise<ServedPolls> {
  await sql`create index on deptrans.session_statuses (updated_at)`.execute(db);
  const child = fork(fileURLToPath(new URL('poll-server.ts', import.meta.url)), [url]);
  const exited = once(child, 'exit');
  const gone = exited.then(() => Promise.reject(new Error('The server of polls ended by itself.')));
  gone.catch(() => {});
  const next = async <T>() => (await Promise.race([once(child, 'message'), gone]))[0] as T;
  const { port } = await next<{ port: number }>();
  return {
    url: `http://127.0.0.1:${port}`,
    async cpuMs() {
      const answer = next<{ cpuMs: number }>();
      child.send('cpu');
      return (await answer).cpuMs;
    },
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await exited;
    },
  };
}
