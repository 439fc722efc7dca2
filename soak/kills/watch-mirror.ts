import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

/** How old the copy of the neighbours was at its oldest, ms: it ages while the instance that reads them is down and its leadership lasts. */
export type MirrorWatch = AsyncDisposable & { readonly oldestMs: number };

const LOOK_MS = 200;

/** Looks at the service's database several times a second from now on, until it is disposed. */
export function watchMirror(url: string): MirrorWatch {
  const over = new AbortController();
  let oldestMs = 0;
  const watch = async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      while (!over.signal.aborted) {
        const { rows } = await client.query<{ age: number | null }>(
          'select max(extract(epoch from clock_timestamp() - confirmed_at) * 1000)::float8 as age from deptrans.mirror_streams',
        );
        oldestMs = Math.max(oldestMs, Math.ceil(rows[0]?.age ?? 0));
        await pause(LOOK_MS);
      }
    } finally {
      await client.end();
    }
  };
  const watching = watch();
  watching.catch(() => {}); // told at the end
  return {
    get oldestMs() {
      return oldestMs;
    },
    async [Symbol.asyncDispose]() {
      over.abort();
      await watching;
    },
  };
}
