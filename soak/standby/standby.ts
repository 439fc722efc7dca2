import { sql } from 'kysely';
import type { RegulatorOptions } from '../../simulator/regulator/regulator.ts';
import type { DeliveryLimits } from '../../src/delivery/delivery.ts';
import { readBalance } from '../../src/store/balance.ts';
import { addPeople } from '../people.ts';
import { startCluster, urlOf } from '../postgres/cluster.ts';
import { openTcpProxy } from '../postgres/tcp-proxy.ts';
import type { Figures, Soak } from '../soak.ts';
import { until } from '../until.ts';
import { dwellMs, inside, openWorld, type World } from '../world.ts';
import { type Life, lives, type Step } from './lives.ts';
import { openTopic, type Topic } from './topic.ts';

const options = { people: 4_400 };

/** One driver with one profile, who lives one of the lives. */
type Driver = { id: string; parkId: string; driverId: string; life: Life };

type Surroundings = { limits?: Partial<DeliveryLimits>; regulator?: RegulatorOptions };

/**
 * G7: PostgreSQL fails over to a standby that lags. Reports that were sent, and the answers to some of them, are known to nobody any more; the topic's
 * position falls back as well. At rest the regulator must know the truth, and no shift may have been opened beside another.
 */
export async function loseTheLag(
  { people }: typeof options,
  { limits = {}, regulator = {} }: Surroundings,
  signal: AbortSignal,
): Promise<Figures> {
  await using primary = await startCluster();
  await using proxy = await openTcpProxy(primary.port);
  await using world = await openWorld({ databaseUrl: urlOf(proxy.port), limits: { ...fast, ...limits }, regulator });
  const topic = openTopic(world);
  const drivers = await settle(world, people);

  await live(world, topic, drivers, 'before');
  await using standby = await primary.makeStandby({ inStep: false });
  await standby.fallBehind();
  world.regulator.faults.add({ kind: 'lostAnswer', calls: ['status'], share: 0.1 });
  await live(world, topic, drivers, 'lost');
  world.regulator.faults.clear();
  const ahead = await topic.read();
  const sent = world.regulator.calls.total;

  await primary.crash();
  await standby.promote();
  proxy.lead(standby.port);
  await until(async () => {
    const answers = await Promise.allSettled(Array.from({ length: 10 }, () => sql`select 1`.execute(world.db)));
    return answers.every(({ status }) => status === 'fulfilled'); // no connection of the pool leads to the old one
  }, signal);
  const takenFrom = await live(world, topic, drivers, 'after');
  const sentAtOnce = world.regulator.calls.total - sent;
  await comeToRest(world);

  const wrong = drivers.filter(({ id, life }) => isOpen(world, id) !== life.connected);
  const histories = [...world.regulator.registry.accounts.values()].map(({ history }) => history);
  const happened = histories.flat().map(({ what }) => what);
  const { difference } = await readBalance(world.db);
  const secondShifts = happened.filter((what) => what === 'secondShift').length;
  return {
    reports: happened.length,
    lostMessages: ahead - takenFrom,
    sentAtOnce,
    lookUps: world.regulator.calls.all().filter(({ kind }) => kind === 'session').length,
    differ: wrong.length,
    wrong: [...new Set(wrong.map(({ life }) => life.name))],
    secondShifts,
    missing: difference,
    ok: wrong.length === 0 && secondShifts === 0 && difference === 0 && ahead > takenFrom && sentAtOnce === 0,
  };
}

const fast = { deadlineMs: 2_000, refreshMs: 31 * 86_400_000, batch: 500, maxInFlight: 200 };

async function settle(world: World, people: number): Promise<Driver[]> {
  const drivers = Array.from({ length: people }, (_, no): Driver => {
    const life = lives[no % lives.length]!;
    return { id: String(1_000_000 + no), parkId: 'park', driverId: `driver-${no}`, life };
  });
  await addPeople(
    world.db,
    drivers.map(({ id, parkId, driverId }) => ({
      token: `pd-${id}`,
      deptransId: id,
      profiles: [{ parkId, driverId }],
      categories: ['econom'],
    })),
  );
  for (const driver of drivers) {
    world.regulator.registry.put(driver.id, `licence of ${driver.id}`);
    world.places.set(`${driver.parkId}/${driver.driverId}`, inside);
  }
  return drivers;
}

/** A time of everybody's life, step by step, with all that follows from each. Returns from where the topic was read first. */
async function live(
  world: World,
  topic: Topic,
  drivers: readonly Driver[],
  time: 'before' | 'lost' | 'after',
): Promise<number> {
  let first: number | null = null;
  const longest = Math.max(...drivers.map(({ life }) => life[time].length));
  for (let at = 0; at < longest; at += 1) {
    for (const driver of drivers) {
      const step = driver.life[time][at];
      if (step) act(world, topic, driver, step);
    }
    const from = await topic.read();
    first ??= from;
    await world.delivery.runOnce();
    await world.delivery.sweepOnce();
    await world.delivery.runOnce();
  }
  return first ?? topic.read();
}

function act({ places }: World, topic: Topic, driver: Driver, step: Step): void {
  if ('status' in step) topic.write(driver, step.status);
  else places.set(`${driver.parkId}/${driver.driverId}`, step.place);
}

/** Quiet times, look-ups, and for those who drove out the dwell. */
async function comeToRest(world: World): Promise<void> {
  for (const ms of [60_000, 60_000, dwellMs + 60_000, 60_000, 60_000]) {
    await world.advance(ms);
    await world.delivery.runOnce();
    await world.delivery.sweepOnce();
    await world.delivery.runOnce();
  }
}

function isOpen({ regulator, clock }: World, id: string): boolean {
  return regulator.registry.shift(id, clock.now())?.endedAtMs === null;
}

export const standbySoak: Soak<typeof options> = {
  name: 'standby',
  shows: 'G7: a failover to a standby that lags loses intents and positions, and no truth',
  options,
  deadlineMs: ({ people }) => 300_000 + people * 100,
  run: (size, signal) => loseTheLag(size, { regulator: { settings: { repeats: 'secondShift' } } }, signal),
};
