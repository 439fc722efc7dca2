import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { sql } from 'kysely';
import { Check, EnforcementMode } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { SupplyService } from '../../gen/deptrans/v1/supply_pb.ts';
import { startService, untilReady } from '../../simulator/stage/service.ts';
import type { Db } from '../../src/store/database.ts';
import { openBenchServer } from '../database/bench-server.ts';
import { delaysOf } from '../feed/delays.ts';
import { startFollower, startSubscribers } from '../feed/subscribers.ts';
import { writeFor } from '../feed/write-changes.ts';
import type { Reading, Size, Trial } from '../frame.ts';
import { quantile } from '../statistics.ts';
import { fillCity } from '../sustained/fill.ts';
import { startSurroundings } from '../sustained/surroundings.ts';
import { countedPeople, publishAll } from './city.ts';
import { fillIntervals } from './past.ts';

/**
 * What previews of policies do to the feed of the instance that counts, the service as it ships with the parts supply, feed and api: from the call that
 * commits a change to the consumer that has applied it, while one preview after the other is asked for, against the same without. 1,100 sessions a second change
 * in 20 commits, 61 others subscribe. By the clock on the wall: on shared cores the neighbours are in both.
 */
const sizes = {
  full: { connected: 400_000, intervals: 2_000_000, others: 61, perSecond: 1_100, seconds: 20 },
  small: { connected: 10_000, intervals: 20_000, others: 5, perSecond: 1_100, seconds: 3 },
} as const;
/** Of twelve drivers of the city eleven are connected. */
const DRIVERS_PER_CONNECTED = 12 / 11;
/** Everybody who is connected is counted, wherever the last of them was found. */
const COUNTED = 0.99;

export async function openPreviewFeed(size: Size): Promise<Trial> {
  const { connected, intervals, others, perSecond, seconds } = sizes[size];
  const drivers = Math.ceil(connected * DRIVERS_PER_CONNECTED);
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openBenchServer());
  const surroundings = stack.use(await startSurroundings());
  await server.prepare(async (db) => {
    await fillCity(db, { profiles: drivers, drivers });
    await finishShifts(db);
    await fillIntervals(db, { people: drivers, intervals }, Date.now());
    await publishAll(db, drivers);
  });
  const database = stack.use(await server.copy());
  const service = stack.use(
    await startService({
      databaseUrl: database.url,
      brokers: null,
      cityUrl: surroundings.url,
      env: { PARTS: 'supply,feed,api' },
    }),
  );
  await untilReady(service.url);
  while ((await countedPeople(database.db)) < COUNTED * connected) await pause(250);
  const subscribers = stack.use(startSubscribers(service.url, others, 'live'));
  const consumer = stack.use(startFollower(service.url));
  await Promise.all([subscribers.following, consumer.following]);
  const { preview } = createClient(SupplyService, createGrpcTransport({ baseUrl: service.url }));

  const measure = async (signal: AbortSignal): Promise<number[]> => {
    await consumer.count();
    const written = await writeFor(seconds, database.db, { perSecond, people: drivers, signal });
    await pause(1_000, undefined, { signal });
    return delaysOf(written, (await consumer.count()).arrivals);
  };
  const askUntil = async (ended: AbortSignal): Promise<number[]> => {
    const took: number[] = [];
    while (!ended.aborted) {
      const began = performance.now();
      await preview({ policy: POLICY }, { headers: { 'x-caller': 'bench' } });
      took.push(performance.now() - began);
    }
    return took;
  };
  const owned = stack.move();
  return {
    async subject(signal) {
      const ending = new AbortController();
      const asking = askUntil(AbortSignal.any([signal, ending.signal]));
      const [delays, took] = await Promise.all([measure(signal).finally(() => ending.abort()), asking]);
      const beside = {
        previews: took.length,
        previewMs: quantile(took, 0.5),
        people: await countedPeople(database.db),
      };
      return { 'preview-feed': readingOf(delays, beside) };
    },
    baseline: async (signal) => ({ 'preview-feed': readingOf(await measure(signal)) }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function readingOf(delays: number[], beside: Record<string, number> = {}): Reading {
  return { value: quantile(delays, 0.99), beside: { p50Ms: quantile(delays, 0.5), commits: delays.length, ...beside } };
}

/** Blocks by both checks a tenth of those who fail, an hour after they were bound. */
const POLICY = {
  regions: [
    {
      region: 'moscow',
      rules: [Check.DEPTRANS_ID, Check.SESSION].map((check) => ({
        check,
        mode: EnforcementMode.BLOCK,
        share: 0.1,
        graceAfterBinding: { seconds: 3_600n },
      })),
    },
  ],
};

/** Whoever has no shift had one in Moscow, so that everybody counts somewhere and has a session that can change. */
async function finishShifts(db: Db): Promise<void> {
  await sql`insert into deptrans.session_statuses (driver_license_pd_id, person_no, session_status, updated_at, ended_at, end_is_estimate,
      deptrans_id, region)
    select p.driver_license_pd_id, p.person_no, 'finished', n.at, n.at, false, 1000000 + p.person_no - 1, 'moscow'
      from deptrans.persons p, (select deptrans.now() - interval '1 hour' as at offset 0) n
     where not exists (select from deptrans.session_statuses s where s.person_no = p.person_no)`.execute(db);
}
