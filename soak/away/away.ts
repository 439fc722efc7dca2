import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type DriverCache, openDriverCache } from '../../consumer/driver-cache.ts';
import { freePorts } from '../../simulator/broker/kafka-settings.ts';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { type Service, startService, untilReady } from '../../simulator/stage/service.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { type Db, inTransaction, openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { publish } from '../../src/store/publish.ts';
import { addPeople, putBindings, putSessions } from '../histories/changes.ts';
import { openTcpProxy } from '../postgres/tcp-proxy.ts';
import type { Figures, Soak } from '../soak.ts';
import { until } from '../until.ts';
import { isExact, openWitness, type Witness } from './witness.ts';

const options = { awayS: 600, maxDataAgeS: 60, people: 2_000, everyMs: 1_000 };
type Size = typeof options;

/**
 * G16: for a long time one instance of the service has lost its database, in a black hole that tells nobody, and another one is dead. Who subscribes to
 * the one and to the other keeps what he has, says how old it is and never younger, answers as before and then UNKNOWN, and allows everything. Somebody
 * new is served by the instance without a database; somebody who restarts without any instance begins with his dump. The database changes meanwhile; when
 * all are back every copy is exact again, from its cursor.
 */
export async function goAway(size: Size, databaseUrl: string, signal: AbortSignal): Promise<Figures> {
  await using stack = new AsyncDisposableStack();
  const timer = openMetrics(systemClock).timer('store');
  const limits = { maxConnections: 4, statementTimeoutMs: 120_000, connectTimeoutMs: 120_000 };
  const log = openLog('silent');
  const { db } = stack.use(openDatabase({ url: databaseUrl, ...limits, applicationName: 'soak', log, timer }));
  await migrate(db);
  const people = await populate(db, size.people);
  const wire = stack.use(await openTcpProxy(Number(new URL(databaseUrl).port)));
  const far = new URL(databaseUrl);
  far.port = String(wire.port);
  const [port] = await freePorts([0]);
  const start = async (url: string, own: { port?: number } = {}): Promise<Service> => {
    const env = { PARTS: 'feed,api', DEPTRANS_FEED_MAX_DATA_AGE_MS: String(size.maxDataAgeS * 1_000) };
    const service = await startService({ databaseUrl: url, brokers: null, cityUrl: 'http://127.0.0.1:1', env, ...own });
    await untilReady(service.url);
    return service;
  };
  const cutOff = stack.use(await start(far.href));
  let killed = await start(databaseUrl, { port: port! });
  stack.defer(() => killed[Symbol.asyncDispose]());
  const folder = await mkdtemp(join(tmpdir(), 'deptrans-away-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const open = async (url: string, name?: string): Promise<DriverCache> =>
    stack.use(
      await openDriverCache({ endpoints: [url], ...(name !== undefined && { dump: { path: join(folder, name) } }) }),
    );

  const [ofCutOff, ofKilled] = [await open(cutOff.url), await open(killed.url, 'dump')];
  const exact = (cache: DriverCache) =>
    until(async () => cache.state === 'current' && (await isExact(cache, db)), signal);
  for (const cache of [ofCutOff, ofKilled]) await exact(cache);
  const witnesses: Witness[] = [
    openWitness({ cache: ofCutOff, service: cutOff, maxDataAgeMs: size.maxDataAgeS * 1_000 }),
    openWitness({ cache: ofKilled, service: null, maxDataAgeMs: size.maxDataAgeS * 1_000 }),
  ];

  await ofKilled.dump();
  wire.swallow();
  await killed.kill();
  const goneAtMs = performance.now();
  for (const witness of witnesses) witness.gone(goneAtMs);
  const half = goneAtMs + size.awayS * 500;
  let restarted: DriverCache | null = null;
  let newcomer: DriverCache | null = null;
  const endMs = goneAtMs + size.awayS * 1_000;
  const look = async () => {
    for (const witness of witnesses) await witness.look();
  };
  for (let round = 0; performance.now() < endMs || restarted === null; round += 1) {
    await look();
    if (restarted === null && performance.now() > half) {
      await ofKilled.close();
      restarted = await open(killed.url, 'dump');
      newcomer = await open(cutOff.url);
      const opened = [restarted, newcomer];
      await until(() => opened.every(({ state }) => state !== 'loading'), signal);
      witnesses[1] = witnesses[1]!.passOn(restarted);
      witnesses.push(witnesses[0]!.passOn(newcomer));
    }
    await change(db, people, round);
    await pause(size.everyMs, undefined, { signal });
  }
  await look();
  const seen = witnesses.map((witness) => witness.seen);
  wire.heal();
  const backAtMs = performance.now();
  killed = await start(databaseUrl, { port: port! });
  const all = [ofCutOff, restarted!, newcomer!];
  for (const cache of all) await exact(cache);
  const wrong = {
    younger: sum(seen, 'younger'),
    lost: sum(seen, 'lost'),
    misjudged: sum(seen, 'misjudged'),
    forbidden: sum(seen, 'forbidden'),
    snapshots: [ofCutOff, restarted!].filter((cache) => cache.metrics()['ids_snapshots_total']! > 1).length,
  };
  const oldestMs = Math.max(...seen.map((one) => one.oldestMs));
  return {
    looks: sum(seen, 'looks'),
    unknown: sum(seen, 'unknown'),
    oldestMs,
    ...wrong,
    exactAgainMs: Math.round(performance.now() - backAtMs),
    ok: Object.values(wrong).every((n) => n === 0) && sum(seen, 'unknown') > 0 && oldestMs >= (size.awayS - 1) * 1_000,
  };
}

type Count = Exclude<keyof Witness['seen'], 'oldestMs'>;
const sum = (seen: readonly Witness['seen'][], what: Count) => seen.reduce((total, one) => total + one[what], 0);

function populate(db: Db, count: number): Promise<number[]> {
  return inTransaction(db, async (tx) => {
    const { people, changed } = await addPeople(tx, count);
    const sessions = await putSessions(tx, people, 'online', 'moscow', false);
    await publish(tx, { ...changed, ...sessions, ...(await putBindings(tx, people, true)) });
    return people;
  });
}

/** A few people's shifts and ids change, of which nobody hears for now. */
async function change(db: Db, people: readonly number[], round: number): Promise<void> {
  const some = Array.from({ length: 5 }, (_, i) => people[(round * 5 + i) % people.length]!);
  await inTransaction(db, async (tx) => publish(tx, await putSessions(tx, some, 'finished', 'moscow', round % 2 > 0)));
  await inTransaction(db, async (tx) => publish(tx, await putBindings(tx, some.slice(0, 2), false)));
}

export const awaySoak: Soak<Size> = {
  name: 'away',
  shows: 'G16: database gone, service gone: copies are kept, say how old they are, turn UNKNOWN, and are exact again',
  options,
  deadlineMs: ({ awayS }) => 300_000 + awayS * 2_000,
  async run(size, signal) {
    await using server = await startPostgres({ durable: false });
    return await goAway(size, server.url, signal);
  },
};
