import type { PolicyInForce } from '../../../gen/deptrans/v1/policy_pb.ts';
import { openIncrementalUpdatesService } from '../../../src/api/incremental-updates-service.ts';
import { openWatchFrames } from '../../../src/api/watch-frames.ts';
import { openFeed } from '../../../src/feed/feed.ts';
import { type Clock, systemClock } from '../../../src/runtime/clock.ts';
import { openLifetime } from '../../../src/runtime/lifetime.ts';
import { openLog } from '../../../src/runtime/log.ts';
import { openMetrics } from '../../../src/runtime/metrics.ts';
import type { Db } from '../../../src/store/database.ts';
import { openEdge } from '../../support/edge.ts';
import { until } from '../../support/until.ts';

const HEARTBEAT_MS = 1_000;
const POLL_MS = 5;
/** How old the data are said to be in every heartbeat. */
const AGE_MS = 25;

/** One instance of the feed behind a real port, whose heart beats on demand only. */
export type Instance = AsyncDisposable & {
  readonly url: string;
  /** Resolves when it has taken in the commit `seq`. */
  caughtUp(seq: number): Promise<void>;
  /** Hands a policy out from now on. */
  setPolicy(policy: PolicyInForce): void;
  /** Sends one heartbeat to everybody who watches. */
  beat(): void;
  /** Takes no new work: watchers are sent away. */
  stop(): void;
};

export async function openInstance(db: Db, name: string, regions: readonly string[]): Promise<Instance> {
  const { clock, beat } = openBeatingClock();
  const lifetime = openLifetime();
  const common = { lifetime, clock, log: openLog('silent'), metrics: openMetrics(systemClock) };
  const feed = openFeed({ ...common, db, instance: name, pollMs: POLL_MS, heartbeatIntervalMs: HEARTBEAT_MS });
  const configured = regions.map((id) => ({ id }));
  const incrementalUpdates = openIncrementalUpdatesService({ feed, regions: configured });
  const frames = openWatchFrames({ feed, regions: configured });
  const edge = await openEdge({ incrementalUpdates }, { lifetime, frames });
  await until(() => feed.notReady() === null, 'the feed is loaded');
  return {
    url: edge.url,
    caughtUp: (seq) => until(() => feed.head() >= seq, `${name} has taken in ${seq}`),
    setPolicy: (policy) => feed.setPolicy(policy),
    beat,
    stop: () => lifetime.stop(10_000),
    async [Symbol.asyncDispose]() {
      lifetime.abort();
      await edge.close(0);
      await feed[Symbol.asyncDispose]();
    },
  };
}

/** A clock on which short pauses pass by themselves, and long ones, such as between heartbeats, when `beat` is called. */
function openBeatingClock(): { clock: Clock; beat(): void } {
  let monotonic = 0;
  let waiting: (() => void)[] = [];
  const clock: Clock = {
    now: () => monotonic,
    monotonic: () => monotonic,
    sleep(ms, signal) {
      if (ms < HEARTBEAT_MS / 2) return systemClock.sleep(ms, signal);
      return new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        waiting.push(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    },
  };
  const beat = () => {
    monotonic += AGE_MS;
    const due = waiting;
    waiting = [];
    for (const resolve of due) resolve();
  };
  return { clock, beat };
}
