import { setTimeout as pause } from 'node:timers/promises';
import { openBenchServer } from '../database/bench-server.ts';
import type { Bench, Reading, Size, Trial } from '../frame.ts';
import type { GoalId } from '../goals.ts';
import { fillFeed } from './fill-feed.ts';
import { type Served, serveFeed, serveTyped } from './served.ts';
import { startConsumer, startSubscribers } from './subscribers.ts';
import { writeChanges } from './write-changes.ts';

/**
 * P4 and P5: what the feed costs with 62 and 500 subscribers of sessions while 1,100 sessions a second change in 20 commits; the service is a process
 * of its own with the parts feed and api, so its CPU is the feed's. One of the subscribers is a real consumer of both feeds, which must end with what the
 * service has; the others look at the heads of frames. Against the same feed that encodes each frame for each subscriber. Both are
 * measured once the compiler is done with them: a feed lives for days.
 */
const sizes = {
  full: { people: 100_000, warmUpSeconds: 40, seconds: 15 },
  small: { people: 2_000, warmUpSeconds: 1, seconds: 2 },
} as const;
const PER_SECOND = 1_100;

export const feedBench: Bench = {
  name: 'feed',
  trials: [
    { goals: ['P4', 'P4-encoding'], runs: 3, warmUps: 0, deadlineMs: 180_000, open: (size) => openTrial(62, size) },
    { goals: ['P5'], runs: 3, warmUps: 0, deadlineMs: 180_000, open: (size) => openTrial(500, size) },
  ],
};

async function openTrial(subscribers: number, size: Size): Promise<Trial> {
  const { people, warmUpSeconds, seconds } = sizes[size];
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openBenchServer());
  await server.prepare((db) => fillFeed(db, { people, profiles: people }));
  const measure = async (serve: (url: string) => Promise<Served>, signal: AbortSignal): Promise<Reading> => {
    await using database = await server.copy();
    await using served = await serve(database.url);
    await using group = startSubscribers(served.url, subscribers - 1, 'live');
    await using consumer = startConsumer(served.url);
    await Promise.all([group.following, consumer.following]);
    const ending = new AbortController();
    const writing = writeChanges(database.db, {
      perSecond: PER_SECOND,
      people,
      signal: AbortSignal.any([signal, ending.signal]),
    });
    await pause(warmUpSeconds * 1_000, undefined, { signal });
    await group.count();
    const [cpuBefore, startedAt] = [await served.cpuMs(), performance.now()];
    await pause(seconds * 1_000, undefined, { signal });
    const [cpuAfter, endedAt] = [await served.cpuMs(), performance.now()];
    const { changes, bytes, ended } = await group.count();
    ending.abort();
    const commits = (await writing).length;
    if (ended > 0) throw new Error(`${ended} streams ended.`);
    const { records, differing, mismatches } = await consumer.count();
    if (records < 2 * people || differing > 0 || mismatches > 0) {
      throw new Error(`Of ${records} records the consumer had ${differing} otherwise; ${mismatches} digests differed.`);
    }
    const wallMs = endedAt - startedAt;
    return {
      value: ((cpuAfter - cpuBefore) / wallMs) * 100,
      beside: {
        framesPerSecond: changes / (subscribers - 1) / (wallMs / 1_000),
        megabytesPerSecond: bytes / 1e6 / (wallMs / 1_000),
        comparedRecords: records,
        commits,
      },
    };
  };
  const owned = stack.move();
  const subject = subscribers === 62 ? (['P4', 'P4-encoding'] as const) : (['P5'] as const);
  const readings = (goals: readonly GoalId[], reading: Reading) =>
    Object.fromEntries(goals.map((goal) => [goal, reading]));
  return {
    subject: async (signal) => readings(subject, await measure(serveFeed, signal)),
    ...(subscribers === 62 && {
      baseline: async (signal: AbortSignal) => readings(subject, await measure(serveTyped, signal)),
    }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
