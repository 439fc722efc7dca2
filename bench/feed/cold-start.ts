import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { type BenchDatabase, openBenchServer } from '../database/bench-server.ts';
import type { Bench, Size, Trial } from '../frame.ts';
import { fillFeed } from './fill-feed.ts';
import { serveFeed } from './served.ts';

/**
 * P8 and P9: from the start of the service's process to ready, with 1,000,000 people and 2,000,000 profiles, against the time that PostgreSQL
 * takes to copy the same rows as text to one connection that throws them away; and the memory of the process then.
 */
const sizes = {
  full: { people: 1_000_000, profiles: 2_000_000 },
  small: { people: 10_000, profiles: 20_000 },
} as const;

export const coldStartBench: Bench = {
  name: 'cold-start',
  trials: [{ goals: ['P8', 'P9'], runs: 5, warmUps: 1, deadlineMs: 300_000, open: openTrial }],
};

async function openTrial(size: Size): Promise<Trial> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openBenchServer());
  await server.prepare((db) => fillFeed(db, sizes[size]));
  const database: BenchDatabase = stack.use(await server.copy());
  const owned = stack.move();
  return {
    async subject(signal) {
      const cpuBefore = await server.cpuMs();
      await using served = await serveFeed(database.url);
      const databaseCpuSeconds = ((await server.cpuMs()) - cpuBefore) / 1_000;
      const cpuSeconds = (await served.cpuMs()) / 1_000;
      const rssAtReadyMb = await served.rssMb();
      await pause(2_000, undefined, { signal });
      return {
        P8: { value: served.readyMs / 1_000, beside: { cpuSeconds, databaseCpuSeconds } },
        P9: { value: await served.rssMb(), beside: { rssAtReadyMb } },
      };
    },
    async baseline(signal) {
      const startedAt = performance.now();
      await copyAll(database.url, signal);
      return { P8: { value: (performance.now() - startedAt) / 1_000 } };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const TABLES = [
  'select profile_no, person_no, deleted, seq, park_id, driver_id, driver_license_pd_id from deptrans.driver_persons',
  'select person_no, seq, updated_at, state, deptrans_id, driver_license_pd_id from deptrans.profiles',
  `select person_no, seq, updated_at, ended_at, end_is_estimate, deleted, session_status, session_status_raw, region,
    driver_license_pd_id from deptrans.session_statuses`,
];

async function copyAll(url: string, signal: AbortSignal): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    for (const query of TABLES) {
      const stream = client.query(copyTo(`copy (${query}) to stdout`));
      stream.resume();
      await once(stream, 'end', { signal });
    }
  } finally {
    await client.end();
  }
}
