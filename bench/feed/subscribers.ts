import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Comparison } from './consumer.ts';
import type { Counts } from './subscribe.ts';

/** `T`: what they tell when asked. */
export type Subscribers<T = Counts> = AsyncDisposable & {
  /** What they saw since the last count; of a consumer, how it compares with the service. */
  count(): Promise<T>;
  /** Resolves when all of them follow: have had a heartbeat, or their whole snapshot. */
  readonly following: Promise<void>;
};

/** Starts `count` subscribers of sessions in one process: `live` ones from now on, `cold` ones from nothing. */
export function startSubscribers(url: string, count: number, mode: 'live' | 'cold'): Subscribers {
  return start('subscribe.ts', [url, String(count), mode]);
}

/** Starts one consumer with the library that ships. */
export function startFollower(url: string): Subscribers {
  return start('follow.ts', [url]);
}

/** Starts one consumer with the library that ships, at low priority, which compares its copy with the service's when asked. */
export function startConsumer(url: string): Subscribers<Comparison> {
  return start('consumer.ts', [url]);
}

/** Starts `count` pollers in one process. */
export function startPollers(url: string, count: number): Subscribers {
  return start('poll.ts', [url, String(count)]);
}

function start<T = Counts>(file: string, args: readonly string[]): Subscribers<T> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args);
  const exited = once(child, 'exit');
  const gone = exited.then(() => Promise.reject(new Error('The subscribers ended by themselves.')));
  gone.catch(() => {});
  const following = Promise.race([once(child, 'message'), gone]).then(() => {});
  following.catch(() => {});
  return {
    following,
    async count() {
      await following;
      const answer = Promise.race([once(child, 'message'), gone]);
      child.send('count');
      const [counts] = await answer;
      return counts as T;
    },
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await exited;
    },
  };
}
