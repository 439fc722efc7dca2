import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Check, EnforcementMode } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { PolicyService } from '../../gen/deptrans/v1/policy_pb.ts';
import { openBenchServer } from '../database/bench-server.ts';
import { fillFeed } from '../feed/fill-feed.ts';
import { serveFeed } from '../feed/served.ts';
import type { Bench, Size, Trial } from '../frame.ts';
import { quantile } from '../statistics.ts';
import type { Reached } from './consumers.ts';

/**
 * How soon a policy is everywhere: from the answer of PolicyService.Put to the check of each of 62 consumers by its version, half of them at each of two
 * instances of the service; the policy is put at one. By the clock on the wall: on shared cores the neighbours are in it.
 */
const sizes = { full: { consumers: 62, changes: 30 }, small: { consumers: 6, changes: 4 } } as const;
const PEOPLE = 1_000;
/** No less than it takes an instance to look at the policy again: so that changes meet it at any moment of its round. */
const LONGEST_PAUSE_MS = 300;

export const reachBench: Bench = {
  name: 'reach',
  trials: [{ goals: ['policy-reach'], runs: 3, warmUps: 0, deadlineMs: 120_000, open: openTrial }],
};

async function openTrial(size: Size): Promise<Trial> {
  const { consumers, changes } = sizes[size];
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openBenchServer());
  await server.prepare((db) => fillFeed(db, { people: PEOPLE, profiles: PEOPLE }));
  const owned = stack.move();
  return {
    async subject(signal) {
      await using database = await server.copy();
      await using near = await serveFeed(database.url);
      await using far = await serveFeed(database.url);
      await using group = startConsumers(consumers / 2, [near.url, far.url]);
      await group.following;
      const delays: number[] = [];
      for (let version = 1; version <= changes; version++) {
        await pause((LONGEST_PAUSE_MS * version) / changes, undefined, { signal });
        const [reached, putAt] = await Promise.all([group.reached(version), putPolicy(near.url, version, signal)]);
        delays.push(...reached.map((at) => at - putAt));
      }
      const [p50Ms, maxMs] = [quantile(delays, 0.5), Math.max(...delays)];
      return { 'policy-reach': { value: quantile(delays, 0.99), beside: { p50Ms, maxMs, changes, consumers } } };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Puts the next version, odd ones blocking and even ones warning, and tells when the answer came. */
async function putPolicy(baseUrl: string, version: number, signal: AbortSignal): Promise<number> {
  const client = createClient(PolicyService, createGrpcTransport({ baseUrl }));
  const mode = version % 2 === 0 ? EnforcementMode.WARN : EnforcementMode.BLOCK;
  const rules = [Check.DEPTRANS_ID, Check.SESSION].map((check) => ({ check, mode }));
  const policy = { regions: [{ region: 'moscow', rules }] };
  const headers = { 'x-caller': 'bench' };
  await client.put({ policy, baseVersion: BigInt(version - 1), reason: 'a benchmark' }, { signal, headers });
  return performance.timeOrigin + performance.now();
}

function startConsumers(atEach: number, urls: readonly string[]) {
  const child = fork(join(import.meta.dirname, 'consumers.ts'), [String(atEach), ...urls]);
  const exited = once(child, 'exit');
  const gone = exited.then(() => Promise.reject(new Error('The consumers ended by themselves.')));
  gone.catch(() => {});
  const said = (isIt: (message: object) => boolean) => {
    const told = Promise.withResolvers<object>();
    const listen = (message: object) => {
      if (!isIt(message)) return;
      child.off('message', listen);
      told.resolve(message);
    };
    child.on('message', listen);
    return Promise.race([told.promise, gone]);
  };
  return {
    following: said((message) => 'following' in message),
    /** When each came to judge by a version that is put after this call. */
    async reached(version: number): Promise<number[]> {
      return ((await said((message) => 'version' in message && message.version === version)) as Reached).at;
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
