import { setTimeout as pause } from 'node:timers/promises';
import { type BenchDatabase, openBenchServer } from '../database/bench-server.ts';
import type { Bench, Size, Trial } from '../frame.ts';
import { quantile } from '../statistics.ts';
import type { Stretches } from '../stretch-meter.ts';
import { countWhenReached, delaysOf } from './delays.ts';
import { fillFeed } from './fill-feed.ts';
import { serveMetered } from './served.ts';
import { type Subscribers, startSubscribers } from './subscribers.ts';
import { writeChanges } from './write-changes.ts';

/**
 * P6: 62 subscribers that begin with nothing, all at once, while 1,100 sessions a second change and one more subscriber follows: what each costs
 * the service's process, how much memory it takes on top, how late the one who follows gets its changes (that against the same without cold
 * starts), and P9's pauses meanwhile.
 */
const sizes = { full: { people: 1_000_000, quietMs: 10_000 }, small: { people: 20_000, quietMs: 2_000 } } as const;
const COLD = 62;
const PER_SECOND = 1_100;
const LOOK_MS = 100;

export const snapshotBench: Bench = {
  name: 'snapshot',
  trials: [
    { goals: ['P6', 'P6-memory', 'P6-deltas', 'P9-pauses'], runs: 3, warmUps: 0, deadlineMs: 300_000, open: openTrial },
  ],
};

type Scene = {
  served: Awaited<ReturnType<typeof serveMetered>>;
  follower: Subscribers;
  database: BenchDatabase;
  people: number;
  signal: AbortSignal;
};

async function openTrial(size: Size): Promise<Trial> {
  const { people, quietMs } = sizes[size];
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openBenchServer());
  await server.prepare((db) => fillFeed(db, { people, profiles: people }));
  const play = async <T>(signal: AbortSignal, act: (scene: Scene) => Promise<T>): Promise<T> => {
    await using database = await server.copy();
    await using served = await serveMetered(database.url);
    await using follower = startSubscribers(served.url, 1, 'live');
    await follower.following;
    return await act({ served, follower, database, people, signal });
  };
  const owned = stack.move();
  return {
    subject: (signal) => play(signal, storm),
    baseline: (signal) =>
      play(signal, async (scene) => {
        const delays = await delaysDuring(scene, () => pause(quietMs, undefined, { signal }));
        return { 'P6-deltas': { value: quantile(delays, 0.99), beside: { p50: quantile(delays, 0.5) } } };
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function storm(scene: Scene) {
  const { served, signal } = scene;
  const rssBefore = await served.rssMb();
  let peakMb = rssBefore;
  let cpuMs = 0;
  let wallMs = 0;
  let bytes = 0;
  let stretches: Stretches | undefined;
  const delays = await delaysDuring(scene, async () => {
    await served.stretches();
    const [cpuBefore, startedAt] = [await served.cpuMs(), performance.now()];
    await using cold = startSubscribers(served.url, COLD, 'cold');
    let isOver = false;
    const over = cold.following.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      await Promise.race([over, pause(LOOK_MS, undefined, { signal })]);
      peakMb = Math.max(peakMb, await served.rssMb());
    }
    cpuMs = (await served.cpuMs()) - cpuBefore;
    wallMs = performance.now() - startedAt;
    stretches = await served.stretches();
    bytes = (await cold.count()).bytes;
  });
  return {
    P6: { value: cpuMs / COLD / 1_000, beside: { wallSeconds: wallMs / 1_000, gigabytes: bytes / 1e9 } },
    'P6-memory': { value: peakMb - rssBefore, beside: { peakMb } },
    'P6-deltas': { value: quantile(delays, 0.99), beside: { p50: quantile(delays, 0.5) } },
    'P9-pauses': { value: stretches!.p99Ms, beside: { maxMs: stretches!.maxMs, count: stretches!.count } },
  };
}

/** From the call that commits a change to its frame at the one who follows, while `work` goes on. */
async function delaysDuring(
  { follower, database, people, signal }: Scene,
  work: () => Promise<unknown>,
): Promise<number[]> {
  const ending = new AbortController();
  const either = AbortSignal.any([signal, ending.signal]);
  await follower.count();
  const writing = writeChanges(database.db, { perSecond: PER_SECOND, people, signal: either });
  try {
    await work();
  } finally {
    ending.abort();
  }
  const written = await writing;
  return delaysOf(written, (await countWhenReached(follower, written, signal)).arrivals);
}
