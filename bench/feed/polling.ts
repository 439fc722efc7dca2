import { type BenchDatabase, type BenchServer, openBenchServer } from '../database/bench-server.ts';
import type { Bench, Readings, Size, Trial } from '../frame.ts';
import { quantile } from '../statistics.ts';
import { countWhenReached, delaysOf } from './delays.ts';
import { fillFeed } from './fill-feed.ts';
import { serveFeed } from './served.ts';
import { servePolls } from './served-polls.ts';
import { type Subscribers, startPollers, startSubscribers } from './subscribers.ts';
import { writeFor } from './write-changes.ts';

/**
 * The feed beside the brief's way, on the same data with the same changes: 62 subscribers of a stream against 62 pollers that ask once a second by
 * `updated_at` and load everything anew every ten minutes.
 */
const sizes = { full: { people: 400_000, seconds: 40 }, small: { people: 5_000, seconds: 3 } } as const;
const CONSUMERS = 62;
const PER_SECOND = 1_100;

export const pollingBench: Bench = {
  name: 'polling',
  trials: [
    {
      goals: ['polling-cpu', 'polling-database', 'polling-bytes', 'polling-staleness'],
      runs: 3,
      warmUps: 0,
      deadlineMs: 300_000,
      open: openTrial,
    },
  ],
};

type Scene = { database: BenchDatabase; consumers: Subscribers; cpuMs(): Promise<number>; signal: AbortSignal };

async function openTrial(size: Size): Promise<Trial> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openBenchServer());
  await server.prepare((db) => fillFeed(db, { people: sizes[size].people, profiles: sizes[size].people }));
  const owned = stack.move();
  return {
    async subject(signal) {
      await using database = await server.copy();
      await using served = await serveFeed(database.url);
      await using consumers = startSubscribers(served.url, CONSUMERS, 'live');
      return await measure(server, { database, consumers, cpuMs: served.cpuMs, signal }, sizes[size]);
    },
    async baseline(signal) {
      await using database = await server.copy();
      await using served = await servePolls(database);
      await using consumers = startPollers(served.url, CONSUMERS);
      return await measure(server, { database, consumers, cpuMs: served.cpuMs, signal }, sizes[size]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function measure(
  server: BenchServer,
  { database, consumers, cpuMs, signal }: Scene,
  { people, seconds }: { people: number; seconds: number },
): Promise<Readings> {
  await consumers.following;
  await consumers.count();
  const [cpuBefore, databaseBefore, startedAt] = [await cpuMs(), await server.cpuMs(), performance.now()];
  const written = await writeFor(seconds, database.db, { perSecond: PER_SECOND, people, signal });
  const { bytes, arrivals } = await countWhenReached(consumers, written, signal);
  const [cpuAfter, databaseAfter, wallMs] = [await cpuMs(), await server.cpuMs(), performance.now() - startedAt];
  const delays = delaysOf(written, arrivals);
  return {
    'polling-cpu': { value: ((cpuAfter - cpuBefore) / wallMs) * 100 },
    'polling-database': { value: ((databaseAfter - databaseBefore) / wallMs) * 100 },
    'polling-bytes': { value: bytes / 1e3 / wallMs },
    'polling-staleness': { value: quantile(delays, 0.5), beside: { p99: quantile(delays, 0.99) } },
  };
}
