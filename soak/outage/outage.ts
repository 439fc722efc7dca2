import { sql } from 'kysely';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { readBalance } from '../../src/store/balance.ts';
import type { Db } from '../../src/store/database.ts';
import type { Figures, Soak } from '../soak.ts';
import { makeCrowd } from './crowd.ts';
import type { RateSample } from './judge.ts';
import { type OutageStage, openOutageStage, openTeller } from './stage.ts';
import { judgeOutage } from './verdict.ts';

const options = { people: 400_000, minutes: 120, instances: 3, rate: 2_000, seed: 1 };
const minuteMs = 60_000;
/** While the regulator is away each instance looks so often. */
const lookMs = 30_000;
/** Who is on line before, so that the way to the regulator is known. */
const regulars = 200;
/** What was under way when the gate shut is no probe. */
const underWayMs = 1_000;

/**
 * G11 under a virtual clock: for two hours nothing listens at the regulator, and meanwhile people come on line, most of whom go off again. Then it
 * is back. Only probes may go out before, one a minute for all instances; afterwards never more than the allowed rate, the freshest first with a
 * share for the oldest, and nothing about whoever is off line again.
 */
export async function outlast(size: typeof options, databaseUrl: string, signal: AbortSignal): Promise<Figures> {
  await using stage = await openOutageStage({ ...size, people: size.people + regulars }, databaseUrl);
  const { world, time, instances, attempts } = stage;
  const { regulator, db } = world;
  const workOnce = () => time.until(Promise.all(instances.map((instance) => instance.runOnce())));
  const atMs = time.clock.now();
  const onLine = Array.from({ length: regulars }, (_, i) => ({
    no: size.people + 1 + i,
    status: 'online' as const,
    atMs,
  }));
  await openTeller(world, 0, onLine)(atMs);
  await workOnce();
  const told = regulator.calls.total;

  await regulator.availability.set('refused');
  const fromMs = time.clock.now();
  const toMs = fromMs + size.minutes * minuteMs;
  const crowd = makeCrowd(size.people, fromMs, toMs, size.seed);
  const tell = openTeller(world, regulars, crowd.events);
  while (time.clock.now() < toMs) {
    signal.throwIfAborted();
    await time.pass(lookMs);
    await tell(time.clock.now());
    await workOnce();
  }
  const waits = (await readBalance(db)).waiting.reduce((sum, { n }) => sum + n, 0);
  const shutMs = await readShut(db);
  const probes = attempts.filter((attemptMs) => attemptMs > shutMs + underWayMs);

  await regulator.availability.set('up');
  const rates = await drain(stage, signal);
  const calls = regulator.calls.all().slice(told);
  return await judgeOutage(world, { size, crowd, waits, probes, calls, rates });
}

/** Lets the instances run by themselves until nobody waits. Returns how the allowed rate grew meanwhile. */
async function drain({ world: { db }, time, instances }: OutageStage, signal: AbortSignal): Promise<RateSample[]> {
  const rates: RateSample[] = [];
  for (const instance of instances) instance.start();
  for (let isDrained = false; !isDrained; isDrained = await isEmpty(db)) {
    signal.throwIfAborted();
    await time.pass(100);
    rates.push({ atMs: time.clock.now(), rate: await readRate(db) });
  }
  await time.pass(5_000);
  await time.until(Promise.all(instances.map((instance) => instance[Symbol.asyncDispose]())));
  return rates;
}

/** When the gate was shut. */
async function readShut(db: Db): Promise<number> {
  const { rows } = await sql<{ from_at: Date }>`select from_at from deptrans.outages`.execute(db);
  if (rows.length !== 1) throw new Error(`There are ${rows.length} outages where there is one.`);
  return rows[0]!.from_at.getTime();
}

async function readRate(db: Db): Promise<number> {
  const { rows } = await sql<{ rate: number }>`select rate from deptrans.gate`.execute(db);
  return rows[0]!.rate;
}

async function isEmpty(db: Db): Promise<boolean> {
  const { rows } = await sql<{ some: boolean }>`select exists (select from deptrans.status_queue) as some`.execute(db);
  return !rows[0]!.some;
}

export const outageSoak: Soak<typeof options> = {
  name: 'outage',
  shows: 'G11: two hours without the regulator, 400,000 people waiting: probes, rate, order, nothing superseded',
  options,
  deadlineMs: ({ people, minutes }) => 300_000 + people * 6 + minutes * 5_000,
  async run(size, signal) {
    await using server = await startPostgres({ durable: false });
    return await outlast(size, server.url, signal);
  },
};
