import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { type Holder, makeKeys, openTokenMaker, settingsFor } from '../../keys/keys.ts';
import { openDriverApp } from '../../simulator/city/driver-app.ts';
import { openKafkaSink } from '../../simulator/city/kafka-sink.ts';
import { HURRY } from '../../simulator/demo/stage.ts';
import type { Availability } from '../../simulator/http/availability.ts';
import type { NeighbourData } from '../../simulator/neighbours/neighbour-data.ts';
import { type NeighbourServers, openNeighbours } from '../../simulator/neighbours/neighbours.ts';
import { openRegulator } from '../../simulator/regulator/regulator.ts';
import { startChild } from '../../simulator/stage/child.ts';
import { untilReady } from '../../simulator/stage/service.ts';
import { openSecondCity } from '../regulator/second/city.ts';
import { openTestDatabase } from './database.ts';
import { readDocumentedCity } from './documented-city.ts';

export type CityName = 'moscow' | 'kazan';

/** A service with what is its own. */
export type City = {
  readonly url: string;
  readonly database: Awaited<ReturnType<typeof openTestDatabase>>;
  readonly availability: Availability;
  /** Tells the regulator of a driver. */
  know(id: string, licence: string): void;
  /** Whether the regulator has the driver on line. */
  isOnLine(id: string): boolean;
  /** Of the regulator's answers to reports, those that are neither yes nor "so it is already". */
  refusals(): string[];
  token(holder: Holder): Promise<string>;
};

/** Places in the middle of each city's area. */
export const PLACES = { moscow: { lon: 37.6, lat: 55.75 }, kazan: { lon: 49.1, lat: 55.8 } } as const;

/** Drivers bind their ids once, however long that takes: apps do not give up here, and nobody guesses. */
const PATIENT = {
  DEPTRANS_API_DEADLINE_MS: '10000',
  DEPTRANS_API_READ_TIMEOUT_MS: '10000',
  DEPTRANS_API_PERSON_ATTEMPTS: '1000',
};

/**
 * Two services, real processes over one topic and one set of neighbours: Moscow's as it ships, and Kazan's with the settings of docs/operating.md and a
 * regulator whose wire has nothing in common with Moscow's. `tell`: what the neighbours know from the first.
 */
export async function openTwoCities(tell: (data: NeighbourData) => void) {
  await using owned = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'deptrans-two-cities-'));
  owned.defer(() => rm(folder, { recursive: true }));
  await makeKeys(folder);
  const neighbours = owned.use(await openNeighbours());
  tell(neighbours.data);
  const brokers = inject('kafkaBrokers');
  const topic = `two-cities-${process.pid}-${Date.now()}`;
  const sink = owned.use(await openKafkaSink(brokers, topic));
  const shared = {
    ...HURRY,
    ...PATIENT,
    ...settingsFor(folder),
    ...addressesOf(neighbours),
    KAFKA_BROKERS: brokers,
    DEPTRANS_INTAKE_TOPIC: topic,
    PORT: '0',
    METRICS_PORT: '0',
  };
  const [moscow, kazan] = await Promise.all([openMoscow(owned, folder, shared), openKazan(owned, folder, shared)]);
  const all = owned.move();
  return { moscow, kazan, neighbours, sink, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

type Settings = Readonly<Record<string, string>>;

async function openMoscow(owned: AsyncDisposableStack, folder: string, shared: Settings): Promise<City> {
  const regulator = owned.use(await openRegulator());
  const { registry } = regulator;
  const database = owned.use(await openTestDatabase());
  const url = await startService(owned, 'src/main.ts', {
    ...shared,
    DATABASE_URL: database.url,
    REGULATOR_URL: regulator.url,
    REGULATOR_LOGIN: 'service',
    REGULATOR_PASSWORD: 'secret',
    JOURNAL_KEY: 'the-key-of-the-first-city',
  });
  const tokens = await openTokenMaker(folder);
  return {
    url,
    database,
    availability: regulator.availability,
    know: (id, licence) => void registry.put(id, licence),
    isOnLine: (id) => registry.shift(id, Date.now())?.endedAtMs === null,
    refusals: () =>
      [...registry.accounts.values()].flatMap(({ id, history }) =>
        history.filter(({ what }) => what === 'refused').map(() => id),
      ),
    token: (holder) => tokens.token(holder),
  };
}

async function openKazan(
  owned: AsyncDisposableStack,
  folder: string,
  shared: Settings,
): Promise<City & { policy: string }> {
  const regulator = owned.use(await openSecondCity());
  const database = owned.use(await openTestDatabase());
  const { env, policy } = readDocumentedCity(join(folder, 'kazan'), 'second');
  const secret = async (name: string, text: string) => {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const here: Settings = {
    CONFIG_DIR: join(folder, 'kazan'),
    DATABASE_URL: database.url,
    REGULATOR_URL: regulator.url,
    REGULATOR_PASSWORD_FILE: await secret('password', regulator.key),
    JOURNAL_KEY_FILE: await secret('journal-key', 'the-key-of-the-second-city'),
  };
  const documented = Object.entries(env).map(([name, value]) => [name, here[name] ?? value]);
  const missing = Object.keys(here).filter((name) => !(name in env));
  if (missing.length > 0) throw new Error(`docs/operating.md does not name ${missing.join(', ')}`);
  const url = await startService(owned, 'test/support/second-city-main.ts', {
    ...shared,
    ...Object.fromEntries(documented),
    DEPTRANS_REGULATOR_CAN_READ_SESSION: 'false',
    DEPTRANS_REGULATOR_ORDERS_BY_OCCURRED_AT: 'true',
  });
  const tokens = await openTokenMaker(folder, env['AUDIENCE']);
  return {
    url,
    database,
    policy,
    availability: regulator.availability,
    know: regulator.put,
    isOnLine: regulator.isOnline,
    refusals: () => [...regulator.answered.keys()].filter((line) => line !== 'OK' && line !== 'SAME'),
    token: (holder) => tokens.token(holder),
  };
}

async function startService(owned: AsyncDisposableStack, file: string, env: Settings): Promise<string> {
  const greeting = (line: string) => (line.includes('"started"') ? (JSON.parse(line) as { url: string }).url : null);
  const service = owned.use(await startChild({ file, env, greeting }));
  await untilReady(service.greeting);
  return service.greeting;
}

function addressesOf({ profilesUrl, categoriesUrl, trackstoryUrl, personalUrl }: NeighbourServers): Settings {
  return {
    DRIVER_PROFILES_URL: profilesUrl,
    DRIVER_CATEGORIES_URL: categoriesUrl,
    DRIVER_TRACKSTORY_URL: trackstoryUrl,
    PERSONAL_URL: personalUrl,
  };
}

/** The apps' way to a city. */
export function openGateway({ url, token }: City) {
  return openDriverApp(url, () => token({ kind: 'service', name: 'driver-gateway' }));
}
