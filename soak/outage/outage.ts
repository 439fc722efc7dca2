import { sql } from 'kysely';
import { startPostgres } from '../../simulator/database/postgres.ts';
import type { Regulator } from '../../src/regulator/regulator.ts';
import { readBalance } from '../../src/store/balance.ts';
import { addPeople } from '../people.ts';
import type { Figures, Soak } from '../soak.ts';
import { openVirtualTime, type VirtualTime } from '../virtual-time.ts';
import { inside, openWorld, type World } from '../world.ts';
import { makeCrowd, type Told } from './crowd.ts';
import { judgeOrder, judgeRate, type RateSample } from './judge.ts';

const options = { people: 400_000, minutes: 120, instances: 3, rate: 2_000, seed: 1 };
const minuteMs = 60_000;
/** While the regulator is away each instance looks so often. */
const lookMs = 30_000;
const gridMs = 20;
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
  await using stack = new AsyncDisposableStack();
  const attempts: number[] = [];
  let world: World | undefined;
  const time = openVirtualTime({ gridMs, onMove: () => world?.tellTime() ?? Promise.resolve() });
  stack.defer(() => time[Symbol.dispose]());
  world = stack.use(
    await openWorld({
      databaseUrl,
      clock: time.clock,
      limits: { maxRate: size.rate, startRate: size.rate, batch: 500, maxInFlight: 500, settleLingerMs: 0 },
      regulator: { maxCalls: 2 * size.people },
      between: (regulator) => watched(regulator, time, attempts),
    }),
  );
  const { regulator, db } = world;
  const more = Array.from({ length: size.instances - 1 }, (_, i) => world.addDelivery(`delivery/${i + 1}`));
  const instances = [world.delivery, ...more];
  stack.defer(() => time[Symbol.dispose]()); // first of all: nobody sleeps any more
  await settle(world, size.people + regulars);
  const workOnce = () => time.until(Promise.all(instances.map((instance) => instance.runOnce())));

  const regular = Array.from({ length: regulars }, (_, i) => size.people + 1 + i);
  await openTeller(
    world,
    0,
    regular.map((no) => ({ no, status: 'online', atMs: time.clock.now() })),
  )(Infinity);
  await workOnce();
  const told = regulator.calls.total;
  await regulator.availability.set('refused');
  const fromMs = time.clock.now();
  const toMs = fromMs + size.minutes * minuteMs;
  const { events, stays } = makeCrowd(size.people, fromMs, toMs, size.seed);
  const tell = openTeller(world, regulars, events);
  while (time.clock.now() < toMs) {
    signal.throwIfAborted();
    await time.pass(lookMs);
    await tell(time.clock.now());
    await workOnce();
  }
  const { waiting } = await readBalance(db);
  const outageFromMs = (await readOutage(db)).fromMs;
  const probes = attempts.filter((atMs) => atMs > outageFromMs + underWayMs);
  const waits = waiting.reduce((sum, { n }) => sum + n, 0);

  await regulator.availability.set('up');
  const rates: RateSample[] = [];
  for (const instance of instances) instance.start();
  for (let isDrained = false; !isDrained; isDrained = await isEmpty(db)) {
    signal.throwIfAborted();
    await time.pass(100);
    rates.push({ atMs: time.clock.now(), rate: await readRate(db) });
  }
  await time.pass(5_000);
  await time.until(Promise.all(instances.map((instance) => instance[Symbol.asyncDispose]())));

  const reached = regulator.calls
    .all()
    .slice(told)
    .filter(({ kind }) => kind !== 'authenticate')
    .map(({ kind, driverId, receivedAtMs }) => ({ no: Number(driverId), atMs: receivedAtMs, kind }));
  const reports = reached.filter(({ kind }) => kind === 'status');
  const backMs = reached[0]!.atMs;
  const lastMs = reports.at(-1)!.atMs;
  const firstSecond = reached.filter(({ atMs }) => atMs < backMs + 1_000).length;
  const { busiest, over } = judgeRate(reached, rates, gridMs);
  const { fresh, old } = judgeOrder(reports, stays);
  const superseded = reports.filter(({ no }) => !stays.has(no)).length;
  const gaps = probes.slice(1).map((atMs, i) => atMs - probes[i]!);
  const differ = [...regulator.registry.accounts.values()].filter(
    ({ id, shift }) => (shift?.endedAtMs === null) !== (stays.has(Number(id)) || Number(id) > size.people),
  ).length;
  const balance = await readBalance(db);
  const delay = await readDelays(world);
  const used = reports.length / (((lastMs - backMs) / 1_000) * size.rate);
  const checks = {
    nearlyAllWait: waits >= 0.95 * size.people,
    oneProbeAMinute: gaps.every((ms) => ms >= minuteMs) && probes.length >= size.minutes - 2,
    firstSecond: firstSecond <= 1.5 * size.rate,
    neverAboveTheRate: over === 0 && busiest <= size.rate * (1 + gridMs / 1_000) + 1,
    freshestFirst: fresh >= 0.7 && old >= 0.1,
    supersededNeverSent: superseded === 0,
    onceEach: reports.length === stays.size && new Set(reports.map(({ no }) => no)).size === stays.size,
    allTold: differ === 0 && balance.difference === 0,
    delayIsTheirs: delay.outageShare > 0.9,
  };
  return {
    events: events.length,
    waiting: waits,
    stay: stays.size,
    probes: probes.length,
    reports: reports.length,
    calls: reached.length,
    firstSecond,
    busiestSecond: busiest,
    drainedInS: Math.round((lastMs - backMs) / 1_000),
    used: round(used),
    freshShareOfFirstQuarter: round(fresh),
    superseded,
    differ,
    missing: balance.difference,
    ...delay,
    failed: Object.entries(checks).flatMap(([name, holds]) => (holds ? [] : [name])),
    ok: Object.values(checks).every(Boolean),
  };
}

/** Calls under way keep time from moving, and each attempt is noted, whether or not it reaches anybody. */
function watched(regulator: Regulator, time: VirtualTime, attempts: number[]): Regulator {
  const note = <T>(work: () => Promise<T>) => {
    attempts.push(time.clock.now());
    return time.during(work);
  };
  return {
    name: regulator.name,
    capabilities: regulator.capabilities,
    checkId: (...given) => note(() => regulator.checkId(...given)),
    report: (...given) => note(() => regulator.report(...given)),
    reportBatch: (...given) => note(() => regulator.reportBatch(...given)),
    session: (...given) => note(() => regulator.session(...given)),
  };
}

const profileOf = (no: number) => ({ parkId: `park-${no % 1_000}`, driverId: String(no) });

async function settle({ db, places, regulator }: World, people: number): Promise<void> {
  const numbers = Array.from({ length: people }, (_, i) => i + 1);
  for (const no of numbers) {
    const { parkId, driverId } = profileOf(no);
    regulator.registry.put(String(no), `licence ${no}`);
    places.set(`${parkId}/${driverId}`, inside);
  }
  for (let from = 0; from < people; from += 50_000) {
    const page = numbers.slice(from, from + 50_000);
    await addPeople(
      db,
      page.map((no) => ({
        token: `person-${no}`,
        deptransId: String(no),
        profiles: [profileOf(no)],
        categories: ['econom'],
      })),
    );
  }
}

/** Tells the service of all events up to a moment. */
function openTeller({ intake }: World, offset: number, events: readonly Told[]) {
  let next = 0;
  return async (untilMs: number) => {
    const from = next;
    while (next < events.length && events[next]!.atMs <= untilMs) next += 1;
    const messages = events.slice(from, next).map(({ no, status, atMs }, i) => {
      const { parkId, driverId } = profileOf(no);
      const text = { park_id: parkId, driver_id: driverId, status, event_at: new Date(atMs).toISOString() };
      return { offset: offset + from + i, value: Buffer.from(JSON.stringify(text)) };
    });
    if (messages.length === 0) return;
    const place = { topic: 'soak', partition: 0, generation: 1, topicId: 'one' };
    await intake.takeBatch({ ...place, from: offset + from, next: offset + next, messages });
  };
}

async function readOutage(db: World['db']): Promise<{ fromMs: number }> {
  const { rows } = await sql<{ from_at: Date }>`select from_at from deptrans.outages`.execute(db);
  if (rows.length !== 1) throw new Error(`There are ${rows.length} outages where there is one.`);
  return { fromMs: rows[0]!.from_at.getTime() };
}

async function readRate(db: World['db']): Promise<number> {
  const { rows } = await sql<{ rate: number }>`select rate from deptrans.gate`.execute(db);
  return rows[0]!.rate;
}

async function isEmpty(db: World['db']): Promise<boolean> {
  const { rows } = await sql<{ some: boolean }>`select exists (select from deptrans.status_queue) as some`.execute(db);
  return !rows[0]!.some;
}

/** How late reports were on average, and which share of that the regulator was away. */
async function readDelays({ metrics }: World) {
  const text = await metrics.registry.metrics();
  const read = (name: string) => Number(new RegExp(`^deptrans_${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  const [delay, outage, count] = [
    read('delay_seconds_sum'),
    read('delay_outage_seconds_sum'),
    read('delay_seconds_count'),
  ];
  return {
    meanDelayS: Math.round(delay / count),
    ownDelayS: round((delay - outage) / count),
    outageShare: round(outage / delay),
  };
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
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
