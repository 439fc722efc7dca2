import { openBenchServer } from '../database/bench-server.ts';
import type { Bench, Size, Trial } from '../frame.ts';
import { quantile } from '../statistics.ts';
import { countWhenReached, delaysOf } from './delays.ts';
import { fillFeed } from './fill-feed.ts';
import { serveFeed } from './served.ts';
import { startFollower, startSubscribers } from './subscribers.ts';
import { writeFor } from './write-changes.ts';

/**
 * P7: from the call that commits a change to the consumer that has applied it, with the library that ships, while 61 others subscribe and 1,100
 * sessions a second change in 20 commits. By the clock on the wall: on shared cores the neighbours are in it.
 */
const sizes = { full: { people: 100_000, seconds: 20 }, small: { people: 2_000, seconds: 2 } } as const;
const OTHERS = 61;
const PER_SECOND = 1_100;

export const latencyBench: Bench = {
  name: 'latency',
  trials: [{ goals: ['P7', 'P7-p99'], runs: 5, warmUps: 1, deadlineMs: 120_000, open: openTrial }],
};

async function openTrial(size: Size): Promise<Trial> {
  const { people, seconds } = sizes[size];
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openBenchServer());
  await server.prepare((db) => fillFeed(db, { people, profiles: people }));
  const owned = stack.move();
  return {
    async subject(signal) {
      await using database = await server.copy();
      await using served = await serveFeed(database.url);
      await using others = startSubscribers(served.url, OTHERS, 'live');
      await using consumer = startFollower(served.url);
      await Promise.all([others.following, consumer.following]);
      await consumer.count();
      const written = await writeFor(seconds, database.db, { perSecond: PER_SECOND, people, signal });
      const { arrivals } = await countWhenReached(consumer, written, signal);
      const delays = delaysOf(written, arrivals);
      const beside = { commits: delays.length };
      return {
        P7: { value: quantile(delays, 0.5), beside },
        'P7-p99': { value: quantile(delays, 0.99), beside },
      };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
