import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Db } from '../../src/store/database.ts';
import type { Bench, Size, Trial } from '../frame.ts';
import { restless } from '../intake/mixes.ts';
import { countedPeople, publishAll } from '../supply/city.ts';
import { openCityStage } from '../sustained/city-stage.ts';
import { fillCity } from '../sustained/fill.ts';
import { produceSteadily } from '../sustained/load.ts';
import { serveMetered } from './served.ts';
import { startSubscribers } from './subscribers.ts';

/**
 * The service as it ships with every part in one process: 400,000 drivers on line are counted, 1,100 a second connect or disconnect and are reported, and 62
 * subscribers begin with nothing, all at once, with 1,000,000 sessions. How long the process runs without letting anybody else in meanwhile, and what it holds.
 */
const sizes = {
  full: { people: 1_000_000, drivers: 400_000, settleS: 10 },
  small: { people: 6_000, drivers: 2_000, settleS: 2 },
} as const;
const COLD = 62;
/** Every second of them is a change of connected. */
const EVENTS_PER_SECOND = 2_200;

export const wholeBench: Bench = {
  name: 'whole',
  trials: [{ goals: ['P9-whole', 'P9-whole-memory'], runs: 3, warmUps: 0, deadlineMs: 300_000, open: openTrial }],
};

async function openTrial(size: Size): Promise<Trial> {
  const { people, drivers, settleS } = sizes[size];
  const stage = await openCityStage('whole', async (db) => {
    await fillCity(db, { profiles: people, drivers, boundOfTen: 10 });
    await fillOthers(db, drivers, people);
    await publishAll(db, people);
  });
  return {
    async subject(signal) {
      await using turn = await stage.turn();
      const { database, place } = turn;
      const { databaseUrl, env, ...service } = turn.service;
      await using served = await serveMetered(databaseUrl, {
        ...service,
        env: { ...env, PARTS: 'intake,delivery,mirror,supply,feed,api' },
      });
      await using _load = await produceSteadily(place, EVENTS_PER_SECOND, drivers, restless);
      while ((await countedPeople(database.db)) === 0) await pause(250, undefined, { signal });
      await using follower = startSubscribers(served.url, 1, 'live');
      await follower.following;
      await pause(settleS * 1_000, undefined, { signal });
      await Promise.all([follower.count(), served.stretches()]);
      const [cpuBefore, startedAt] = [await served.cpuMs(), performance.now()];
      await using cold = startSubscribers(served.url, COLD, 'cold');
      await cold.following;
      const [cpuMs, wallMs] = [(await served.cpuMs()) - cpuBefore, performance.now() - startedAt];
      const { p99Ms, maxMs, count, maxRss } = await served.stretches();
      const [{ bytes }, { arrivals }] = [await cold.count(), await follower.count()];
      const numbered = (arrivals.at(-1)?.seq ?? 0) - (arrivals[0]?.seq ?? 0);
      const beside = {
        maxMs,
        count,
        wallSeconds: wallMs / 1_000,
        coreShare: (cpuMs / wallMs) * 100,
        gigabytes: bytes / 1e9,
        changesPerSecond: numbered / (wallMs / 1_000),
      };
      return { 'P9-whole': { value: p99Ms, beside }, 'P9-whole-memory': { value: maxRss / 1e6 } };
    },
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  };
}

/** Ids and ended shifts of those who are not on line. */
async function fillOthers(db: Db, from: number, to: number): Promise<void> {
  await sql`insert into deptrans.profiles (driver_license_pd_id, person_no, deptrans_id, updated_at, checked_at)
    select md5('person ' || i), i + 1, 1000000 + i, deptrans.now(), deptrans.now()
      from generate_series(${from}::int, ${to - 1}::int) i`.execute(db);
  await sql`insert into deptrans.session_statuses (driver_license_pd_id, person_no, session_status, updated_at, ended_at, end_is_estimate,
      deptrans_id, region)
    select md5('person ' || i), i + 1, 'finished', deptrans.now() - interval '1 day', deptrans.now() - interval '1 day', false, 1000000 + i, 'moscow'
      from generate_series(${from}::int, ${to - 1}::int) i`.execute(db);
}
