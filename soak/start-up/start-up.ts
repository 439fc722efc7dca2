import pg from 'pg';
import { startBroker } from '../../simulator/broker/kafka.ts';
import { startPostgres } from '../../simulator/database/postgres.ts';
import type { Availability, AvailabilityMode } from '../../simulator/http/availability.ts';
import { openSimulator, type Simulator } from '../../simulator/simulator.ts';
import { openService, type Service } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import type { Figures, Soak } from '../soak.ts';
import { until } from '../until.ts';

const options = { people: 1_000, modes: 3 };

const neighbours = ['driver-profiles', 'driver-categories', 'trackstory', 'personal', 'regulator', 'broker'] as const;
type Neighbour = (typeof neighbours)[number];
/** Without these the very first start knows nobody. */
const needed: readonly Neighbour[] = ['driver-profiles', 'driver-categories'];
/** How a neighbour may be down; a broker that answers nothing is not told from one that hangs. */
const modes = ['refused', 'unavailable', 'silent'] as const;
type Mode = (typeof modes)[number];
/** Whoever is not ready by then never is. */
const patienceMs = 120_000;

export type Surroundings = {
  brokers: string;
  /** An empty database, or one with the service's schema and nothing in it. */
  newDatabase(): Promise<{ readonly url: string } & AsyncDisposable>;
};

/**
 * G17, the whole matrix: each neighbour down, all, or none × the very first start, or a restart × the ways to be down. A restart is always ready, from our
 * own database. The very first start is, unless it has never seen the profiles or the tariffs; then it says which, and is ready once they are there.
 */
export async function tryStarts(
  { people, modes: modeCount }: typeof options,
  { brokers, newDatabase }: Surroundings,
  signal: AbortSignal,
): Promise<Figures> {
  await using city = await openSimulator({
    port: 0,
    people,
    rate: 1,
    seed: 1,
    serviceUrl: null,
    brokers: null,
    weather: false,
  });
  await using known = await newDatabase();
  const start = (databaseUrl: string, down: readonly Neighbour[]) =>
    openWatched(databaseUrl, city.url, down.includes('broker') ? '127.0.0.1:1' : brokers);
  await using first = await start(known.url, []);
  await until(() => first.readiness().length === 0, signal);
  await first[Symbol.asyncDispose]();

  const wrong: string[] = [];
  let starts = 0;
  let slowestMs = 0;
  const sets = [[], ...neighbours.map((one) => [one]), [...neighbours]];
  for (const mode of modes.slice(0, modeCount)) {
    for (const down of sets) {
      for (const kind of ['first start', 'restart'] as const) {
        signal.throwIfAborted();
        await Promise.all(down.map((one) => setDown(city, one, mode)));
        await using fresh = kind === 'restart' ? null : await newDatabase();
        const beganMs = performance.now();
        await using service = await start(fresh?.url ?? known.url, down);
        const missing = kind === 'restart' ? [] : down.filter((one) => needed.includes(one));
        const isRight = missing.length === 0 ? isReady : saysWhat(missing);
        const limit = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
        const ended = await until(() => isRight(service), limit).then(
          () => true,
          () => false,
        );
        slowestMs = Math.max(slowestMs, missing.length === 0 ? performance.now() - beganMs : 0);
        await Promise.all(down.map((one) => setDown(city, one, 'up')));
        const back = await until(
          () => isReady(service),
          AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
        ).then(
          () => true,
          () => false,
        );
        if (!ended || !back) wrong.push(`${kind}, ${mode}: ${down.join(', ')}: ${service.readiness().join(' ')}`);
        starts += 1;
      }
    }
  }
  return { starts, wrong, slowestReadyMs: Math.round(slowestMs), ok: wrong.length === 0 };
}

const isReady = (service: Service) => service.readiness().length === 0;

/** Not ready, and one of the neighbours that are missing is named. */
function saysWhat(missing: readonly Neighbour[]): (service: Service) => boolean {
  return (service) => {
    const reasons = service.readiness().join(' ');
    return missing.some((one) => reasons.includes(`The first load of ${one}`));
  };
}

/** The service in this process, stopped when disposed. */
async function openWatched(databaseUrl: string, cityUrl: string, brokers: string): Promise<Service> {
  const config = readConfig({
    AUTH: 'open',
    DATABASE_URL: databaseUrl,
    KAFKA_BROKERS: brokers,
    PORT: '0',
    METRICS_PORT: '0',
    REGULATOR_URL: `${cityUrl}/regulator`,
    REGULATOR_LOGIN: 'service',
    REGULATOR_PASSWORD: 'secret',
    JOURNAL_KEY: 'a-key-of-the-simulated-city',
    DRIVER_PROFILES_URL: `${cityUrl}/driver-profiles`,
    DRIVER_CATEGORIES_URL: `${cityUrl}/driver-categories`,
    DRIVER_TRACKSTORY_URL: `${cityUrl}/trackstory`,
    PERSONAL_URL: `${cityUrl}/personal`,
    DEPTRANS_MIRROR_DEADLINE_MS: '1000',
    DEPTRANS_INTAKE_TOPIC: 'soak-start-up',
  });
  const lifetime = openLifetime();
  const service = await openService(config, { lifetime, log: openLog('silent'), clock: systemClock });
  return {
    ...service,
    async [Symbol.asyncDispose]() {
      lifetime.stop(1_000);
      await service[Symbol.asyncDispose]();
    },
  };
}

async function setDown({ regulator, neighbours: known }: Simulator, name: Neighbour, mode: Mode | 'up'): Promise<void> {
  if (name === 'broker') return; // the service is given an address where there is none
  const availability: Availability = name === 'regulator' ? regulator.availability : known.switches[name].availability;
  if (name !== 'regulator') known.switches[name].slowMs = mode === 'silent' ? 60_000 : 0;
  const seen: AvailabilityMode = mode === 'silent' ? (name === 'regulator' ? 'refused' : 'up') : mode;
  await availability.set(seen);
}

export const startUpSoak: Soak<typeof options> = {
  name: 'start-up',
  shows: 'G17: a restart is ready whatever neighbours are down; the very first start says what it misses',
  options,
  deadlineMs: ({ modes: count }) => 120_000 + count * 600_000,
  async run(size, signal) {
    await using server = await startPostgres({ durable: false });
    await using broker = await startBroker();
    let made = 0;
    const newDatabase = async () => {
      made += 1;
      await ask(server.url, `create database soak_${made}`);
      return {
        url: server.url.replace(/\/postgres$/, `/soak_${made}`),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      };
    };
    return await tryStarts(size, { brokers: broker.brokers, newDatabase }, signal);
  },
};

async function ask(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
