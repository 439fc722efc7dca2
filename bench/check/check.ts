import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Child, startChild } from '../../simulator/stage/child.ts';
import { openBenchServer } from '../database/bench-server.ts';
import { fillFeed } from '../feed/fill-feed.ts';
import type { Bench, Reading, Readings, Size } from '../frame.ts';

const PEOPLE = { full: 100_000, small: 1_000 } as const satisfies Record<Size, number>;
const CALLS = { full: 8_000, small: 1_000 } as const satisfies Record<Size, number>;

type Server = Child & { readonly url: string; cpuMs(): Promise<number> };

/** CheckDriver against an empty handler behind the same listener and interceptors, by the server's own CPU; callers are a process of their own. */
export const checkBench: Bench = {
  name: 'check',
  trials: [{ goals: ['P10', 'P10-json'], runs: 5, warmUps: 1, deadlineMs: 120_000, open }],
};

async function open(size: Size) {
  const stack = new AsyncDisposableStack();
  try {
    const postgres = stack.use(await openBenchServer({ durable: false }));
    await postgres.prepare((db) => fillFeed(db, { people: PEOPLE[size], profiles: PEOPLE[size] }));
    const database = stack.use(await postgres.copy());
    const real = stack.use(await start(database.url, 'real'));
    const empty = stack.use(await start(database.url, 'empty'));
    const owned = stack.move();
    return {
      subject: (signal: AbortSignal) => measure(real, size, signal),
      baseline: (signal: AbortSignal) => measure(empty, size, signal),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function measure(server: Server, size: Size, signal: AbortSignal): Promise<Readings> {
  return {
    P10: await measureOne(server, 'grpc', size, signal),
    'P10-json': await measureOne(server, 'json', size, signal),
  };
}

async function measureOne(server: Server, protocol: string, size: Size, signal: AbortSignal): Promise<Reading> {
  const calls = CALLS[size];
  const before = await server.cpuMs();
  const args = [join(import.meta.dirname, 'load.ts'), protocol, server.url, String(calls), String(PEOPLE[size])];
  const { stdout } = await promisify(execFile)(process.execPath, args, { signal });
  const cpuMs = (await server.cpuMs()) - before;
  const { wallMs } = JSON.parse(stdout) as { wallMs: number };
  return {
    value: (calls / cpuMs) * 1_000,
    beside: { cpuUsEach: (cpuMs / calls) * 1_000, perSecond: (calls / wallMs) * 1_000 },
  };
}

async function start(databaseUrl: string, which: 'real' | 'empty'): Promise<Server> {
  let told = Promise.withResolvers<number>();
  const child = await startChild({
    file: 'bench/check/server.ts',
    args: [databaseUrl, which],
    env: {},
    greeting: (line) => (line.startsWith('{"url"') ? (JSON.parse(line) as { url: string }) : null),
    onLine: (line) => {
      if (line.startsWith('{"cpuMs"')) told.resolve((JSON.parse(line) as { cpuMs: number }).cpuMs);
    },
  });
  return {
    ...child,
    url: child.greeting.url,
    cpuMs() {
      told = Promise.withResolvers();
      child.process.kill('SIGUSR2');
      return told.promise;
    },
  };
}
