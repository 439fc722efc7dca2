import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import pg from 'pg';
import { makeKeys, openTokenMaker, settingsFor } from '../../keys/keys.ts';
import { startBroker } from '../broker/kafka.ts';
import { startPostgres } from '../database/postgres.ts';
import { startChild } from '../stage/child.ts';
import { type Service, startService, untilReady } from '../stage/service.ts';
import type { DemoOptions } from './options.ts';

/** Everything that `make run` starts, each part a process of its own; ended in the reverse order. */
export type Stage = AsyncDisposable & {
  readonly databaseUrl: string;
  readonly brokers: string | null;
  readonly cityUrl: string;
  readonly subscriberUrl: string;
  readonly service: Service;
  /** A file with an engineer's token in it. */
  readonly tokenFile: string;
};

/** The service is told to hurry where a demonstration would otherwise wait for half a minute. */
export const HURRY = {
  DEPTRANS_DELIVERY_QUIET_MS: '5000',
  DEPTRANS_DELIVERY_SWEEP_MS: '3000',
  DEPTRANS_DELIVERY_POSITION_RETRY_MS: '3000',
  DEPTRANS_DELIVERY_PERSON_RETRY_MS: '3000',
  DEPTRANS_DELIVERY_PROBE_MS: '2000',
  // A process that is killed takes the attempts that it had in hand with it; a whole city binds at once.
  DEPTRANS_API_SERVICE_ATTEMPTS: '100000',
};

/** Kept between runs, so that tokens in somebody's shell stay valid. */
const KEYS = join(import.meta.dirname, '../../.cache/keys');

export async function openStage(options: DemoOptions, say: (sentence: string) => void): Promise<Stage> {
  const { port, cityPort, drivers, rate, seed } = options;
  for (const [name, wanted] of [
    ['PORT', port],
    ['SIM_PORT', cityPort],
  ] as const)
    await assertFree(name, wanted);
  const stack = new AsyncDisposableStack();
  try {
    say('Starting PostgreSQL …');
    const databaseUrl = await openDatabase(options, stack);
    const brokers = await openBroker(options, stack, say);
    const cityUrl = `http://127.0.0.1:${cityPort}`;
    say('Starting the city and the service …');
    const serviceUrl = `http://127.0.0.1:${port}`;
    const tokenFile = await makeToken();
    const env = {
      KEYS,
      SIM_PORT: String(cityPort),
      SERVICE_URL: serviceUrl,
      DRIVERS: String(drivers),
      RATE: String(rate),
      SEED: String(seed),
    };
    stack.use(
      await startChild({
        file: 'simulator/main.ts',
        env: { ...env, ...(brokers !== null && { KAFKA_BROKERS: brokers }) },
        greeting: (line) => (line.includes('"listening"') ? true : null),
      }),
    );
    const service = stack.use(
      await startService({
        databaseUrl,
        brokers,
        cityUrl,
        port,
        env: { ...HURRY, ...settingsFor(KEYS), LOG_LEVEL: 'info' },
      }),
    );
    await untilReady(service.url);
    const subscriber = stack.use(
      await startChild({
        file: 'simulator/subscriber.ts',
        env: { KEYS, SERVICE_URL: service.url, SUBSCRIBER_PORT: '0' },
        greeting: (line) => (line.includes('"listening"') ? (JSON.parse(line) as { url: string }).url : null),
      }),
    );
    const owned = stack.move();
    const dispose = () => owned.disposeAsync();
    return {
      databaseUrl,
      brokers,
      cityUrl,
      subscriberUrl: subscriber.greeting,
      service,
      tokenFile,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** For what a person may try. */
async function makeToken(): Promise<string> {
  await makeKeys(KEYS);
  const token = await (await openTokenMaker(KEYS)).token({ kind: 'engineer', name: 'you' }, 24 * 3_600_000);
  const file = join(KEYS, 'engineer.token');
  await writeFile(file, token, { mode: 0o600 });
  return file;
}

async function assertFree(name: string, port: number): Promise<void> {
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!free) throw new Error(`Port ${port} is taken: end what listens there, or choose another with ${name}=…`);
  await new Promise((resolve) => probe.close(resolve));
}

/** A database of this run alone: in the embedded server, or made in one's own and dropped at the end. */
async function openDatabase({ databaseUrl: given }: DemoOptions, stack: AsyncDisposableStack): Promise<string> {
  if (given === null) return stack.use(await startPostgres({ durable: false })).url;
  const name = `deptrans_run_${process.pid}`;
  const admin = async (statement: string) => {
    const client = new pg.Client(given);
    try {
      await client.connect();
      await client.query(statement);
    } catch (error) {
      throw new Error(`DATABASE_URL cannot be used: ${(error as Error).message}`);
    } finally {
      await client.end();
    }
  };
  await admin(`create database ${name}`);
  stack.defer(() => admin(`drop database ${name} with (force)`));
  const url = new URL(given);
  url.pathname = `/${name}`;
  return url.href;
}

async function openBroker(
  { broker }: DemoOptions,
  stack: AsyncDisposableStack,
  say: (sentence: string) => void,
): Promise<string | null> {
  if (broker === 'none') return null;
  const missing = ['java', 'mvn'].filter((tool) => !isOnPath(tool));
  if (broker === 'auto' && missing.length > 0) {
    say(`No broker, since ${missing.join(' and ')} is not installed: events are pushed to the service instead.`);
    return null;
  }
  say('Starting Apache Kafka (the first time, it is fetched) …');
  return stack.use(await startBroker()).brokers;
}

function isOnPath(tool: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, tool)));
}
