import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { startService } from '../../simulator/stage/service.ts';
import type { Db } from '../../src/store/database.ts';
import type { Bench, Readings, Size, Trial } from '../frame.ts';
import type { GoalId } from '../goals.ts';
import { openStretchMeter, type Stretches } from '../stretch-meter.ts';
import { openCityStage } from './city-stage.ts';
import { fillCity, queueEverybody } from './fill.ts';
import { type Load, produceSteadily, queueSteadily } from './load.ts';
import { growthOf, readTables } from './table-sizes.ts';

/**
 * Whether the service keeps up, as a process of its own with its shipped limits: (a) intake alone, (b) delivery alone, (c) both with the mirror,
 * for a minute each, with the whole country in the mirror. The lag is what was given and not yet taken, in seconds of the rate.
 */
type Part = { goals: readonly GoalId[]; parts: string; eventsPerSecond: number; changesPerSecond: number };

const parts: readonly Part[] = [
  { goals: ['sustained-intake'], parts: 'intake', eventsPerSecond: 11_000, changesPerSecond: 0 },
  { goals: ['sustained-delivery'], parts: 'delivery', eventsPerSecond: 0, changesPerSecond: 2_000 },
  {
    goals: ['sustained-both', 'sustained-memory', 'sustained-stretch', 'sustained-tables'],
    parts: 'intake,delivery,mirror',
    eventsPerSecond: 5_000,
    changesPerSecond: 0,
  },
];

const city = { full: { profiles: 2_000_000, drivers: 100_000 }, small: { profiles: 20_000, drivers: 5_000 } };
/** Seconds after the beginning at which is looked: lag, sizes, and both at the end. */
const moments = { full: { lag: 10, sizes: 20, end: 60 }, small: { lag: 2, sizes: 3, end: 6 } };
const bound = 0.6;

export const sustainedBench: Bench = {
  name: 'sustained',
  trials: parts.map((part) => ({
    goals: part.goals,
    runs: 1,
    warmUps: 0,
    deadlineMs: 600_000,
    open: (size) => openTrial(size, part),
  })),
};

async function openTrial(size: Size, part: Part): Promise<Trial> {
  const stage = await openCityStage('sustained', (db) => fillCity(db, city[size]));
  return {
    async subject(signal) {
      await using turn = await stage.turn();
      const { db } = turn.database;
      if (part.parts === 'intake') await queueEverybody(db);
      const meter = openStretchMeter();
      await using service = await startService({
        ...turn.service,
        env: { ...turn.service.env, PARTS: part.parts, NODE_OPTIONS: meter.nodeOptions },
        onLine: meter.onLine,
      });
      const measured = await measure(size, part, {
        db,
        place: turn.place,
        signal,
        ask: () => meter.ask(service.process),
      });
      if ((await service.stop()) !== 0) throw new Error('The service did not end well.');
      return readingsOf(part, measured);
    },
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  };
}

type Surroundings = {
  db: Db;
  place: { brokers: string; topic: string };
  signal: AbortSignal;
  ask(): Promise<Stretches>;
};

async function measure(size: Size, part: Part, { db, place, signal, ask }: Surroundings) {
  const { drivers } = city[size];
  const { lag, sizes, end } = moments[size];
  await using stack = new AsyncDisposableStack();
  const produced =
    part.eventsPerSecond > 0 ? stack.use(await produceSteadily(place, part.eventsPerSecond, drivers)) : null;
  const queued =
    part.changesPerSecond > 0 ? stack.use(queueSteadily(db, part.changesPerSecond, drivers * bound)) : null;
  const startedAt = performance.now();
  const at = (seconds: number) =>
    sleep(Math.max(0, startedAt + seconds * 1000 - performance.now()), undefined, { signal });
  await at(lag);
  await ask();
  const early = await readLag(db, part, produced, queued);
  await at(sizes);
  const small = await readTables(db);
  await at(end);
  const late = await readLag(db, part, produced, queued);
  return { early, late, stretches: await ask(), growth: growthOf(small, await readTables(db)) };
}

/** Seconds of the rate that were given and are not taken, and how long the oldest change waits that could be sent. */
async function readLag(db: Db, part: Part, produced: Load | null, queued: Load | null) {
  const { rows } = await sql<{ taken: number; waiting: number }>`
    select (select coalesce(sum(taken), 0) from deptrans.topic_offsets)::float8 as taken,
           (select count(*) from deptrans.status_queue q join deptrans.driver_persons p using (park_id, driver_id)
              join deptrans.profiles b on b.driver_license_pd_id = p.driver_license_pd_id)::float8 as waiting`.execute(
    db,
  );
  const { taken, waiting } = rows[0]!;
  const intakeS = produced ? (produced.given() - taken) / part.eventsPerSecond : 0;
  const reportsPerSecond = queued ? part.changesPerSecond : (part.eventsPerSecond / 6) * bound;
  return { intakeS, deliveryS: part.parts === 'intake' ? 0 : waiting / reportsPerSecond };
}

function readingsOf(
  { goals }: Part,
  { early, late, stretches, growth }: Awaited<ReturnType<typeof measure>>,
): Readings {
  const rssMb = stretches.maxRss / 1_000_000;
  const beside = {
    intakeLagEarlyS: early.intakeS,
    intakeLagEndS: late.intakeS,
    deliveryLagEarlyS: early.deliveryS,
    deliveryLagEndS: late.deliveryS,
    rssMb,
    stretchP99Ms: stretches.p99Ms,
    stretchP999Ms: stretches.p999Ms,
    stretchMaxMs: stretches.maxMs,
    tablesGrowth: growth.tables,
    keptTablesGrowth: growth.keptTables,
    ...growth.beside,
  };
  const grown = Math.max(late.intakeS - early.intakeS, late.deliveryS - early.deliveryS);
  const values: Partial<Record<GoalId, number>> = {
    'sustained-memory': rssMb,
    'sustained-stretch': stretches.p99Ms,
    'sustained-tables': growth.tables,
  };
  return Object.fromEntries(goals.map((goal) => [goal, { value: values[goal] ?? grown, beside }]));
}
