import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { freePorts } from '../../simulator/broker/kafka-settings.ts';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { openRandom, type Random } from '../../simulator/random.ts';
import { openSimulator } from '../../simulator/simulator.ts';
import { startService, untilReady } from '../../simulator/stage/service.ts';
import type { Figures, Soak } from '../soak.ts';
import { until } from '../until.ts';
import { openCallers } from './callers.ts';

/** The grace is as the service ships; a stop that takes longer ends with the exit code 1. */
const options = { stops: 50, people: 1_000, rate: 100, unary: 8, streams: 20, graceS: 10, seed: 1 };

type Size = typeof options;

/** What one stop came to. */
type Stop = {
  exitCode: number | null;
  /** What `/readyz` said once the process had begun to stop; null: nobody listened any more. */
  readyStatus: number | null;
  /** Calls that the service says it answered, and those whose answer came; calls that it ended otherwise. */
  served: number;
  answered: number;
  failed: number;
  /** Streams that did not end with `go_away` and then UNAVAILABLE. */
  wrongStreams: number;
  leases: string[];
  /** From the signal to the last line of the service's log, by the clock that both share; to the end of the process if it left none. */
  stopMs: number;
  /** Of `stopMs`: until the service had heard the signal, and from then on, by its own account. */
  heardMs: number;
  tookMs: number;
  /** From the signal until we noticed that the process was gone: we have the drivers and the callers to serve too. */
  noticedMs: number;
};

/**
 * G23: the service under load is told to stop, again and again: drivers drive, others call without a pause and hold streams. Every call that it
 * took is answered, by its own log against what callers got; streams are told to go; nobody has to wait for a lease; the next one starts at once.
 */
export async function stopAgain(size: Size, databaseUrl: string, signal: AbortSignal): Promise<Figures> {
  const [port] = await freePorts([0]);
  const serviceUrl = `http://127.0.0.1:${port}`;
  const { people, rate, seed } = size;
  const random = openRandom(`${seed}/stop`);
  await using simulator = await openSimulator({
    port: 0,
    people,
    rate,
    seed,
    weather: false,
    serviceUrl,
    brokers: null,
  });
  const stops: Stop[] = [];
  while (stops.length < size.stops) {
    signal.throwIfAborted();
    const surroundings = { databaseUrl, cityUrl: simulator.url, port: port! };
    // Drivers bind their ids when the service is there for the first time; that goes on across the stops.
    const begin = () => {
      if (stops.length === 0) void simulator.city.start().catch(() => {});
    };
    stops.push(await startAndStop(size, surroundings, random, begin, signal));
  }
  return judge(stops, size.graceS * 1_000);
}

type Surroundings = { databaseUrl: string; cityUrl: string; port: number };

async function startAndStop(
  { unary, streams, graceS }: Size,
  { databaseUrl, cityUrl, port }: Surroundings,
  random: Random,
  begin: () => void,
  signal: AbortSignal,
): Promise<Stop> {
  const ended = { ok: 0, otherwise: 0 };
  const stopping = Promise.withResolvers<number>();
  let stopped: { time: string; tookMs: number } | null = null;
  const onLine = (line: string) => {
    if (line.includes('"msg":"stopping"')) stopping.resolve(Date.parse(JSON.parse(line).time));
    if (line.includes('"msg":"stopped"')) stopped = JSON.parse(line);
    if (!line.includes('"call ended"') || !line.includes('/CheckDriver"')) return;
    if (line.includes('"code":"ok"')) ended.ok += 1;
    else ended.otherwise += 1;
  };
  await using service = await startService({
    databaseUrl,
    brokers: null,
    cityUrl,
    port,
    env: { LOG_LEVEL: 'debug', DEPTRANS_PROCESS_GRACE_MS: String(graceS * 1_000) },
    onLine,
  });
  await untilReady(service.url);
  const read = once(service.process, 'close');
  begin();
  const callers = openCallers(service.url, { unary, streams });
  await until(() => callers.seen.answered >= 20 * unary && callers.begun() === streams, signal);
  await pause(random.int(1_500), undefined, { signal });
  const killedAtMs = Date.now();
  service.process.kill('SIGTERM');
  const heardAtMs = await stopping.promise;
  const readyStatus = await fetch(`${service.url}/readyz`).then(
    ({ status }) => status,
    () => null,
  );
  const exitCode = await service.ended;
  const noticedMs = Date.now() - killedAtMs;
  const seen = await callers.gone;
  await read;
  const said = stopped as { time: string; tookMs: number } | null;
  const rightEnd = seen.streams.filter(({ last, status }) => last === 'go_away' && status === 'unavailable');
  return {
    exitCode,
    readyStatus,
    served: ended.ok,
    answered: seen.answered,
    failed: ended.otherwise,
    wrongStreams: streams - rightEnd.length,
    leases: await readLeases(databaseUrl),
    stopMs: said ? Date.parse(said.time) - killedAtMs : noticedMs,
    heardMs: heardAtMs - killedAtMs,
    tookMs: said?.tookMs ?? noticedMs,
    noticedMs,
  };
}

function judge(stops: readonly Stop[], graceMs: number): Figures {
  const sum = (of: (stop: Stop) => number) => stops.reduce((total, stop) => total + of(stop), 0);
  const wrong = {
    notZero: stops.filter(({ exitCode }) => exitCode !== 0).length,
    stillReady: stops.filter(({ readyStatus }) => readyStatus === 200).length,
    lost: sum(({ served, answered }) => Math.max(0, served - answered)),
    failed: sum(({ failed }) => failed),
    wrongStreams: sum(({ wrongStreams }) => wrongStreams),
    leases: sum(({ leases }) => leases.length),
    tooLong: stops.filter(({ stopMs }) => stopMs > graceMs).length,
  };
  return {
    served: sum(({ served }) => served),
    ...wrong,
    ...(wrong.leases > 0 && { held: [...new Set(stops.flatMap(({ leases }) => leases))] }),
    slowestStopMs: Math.max(...stops.map(({ stopMs }) => stopMs)),
    slowestHeardMs: Math.max(...stops.map(({ heardMs }) => heardMs)),
    slowestTookMs: Math.max(...stops.map(({ tookMs }) => tookMs)),
    slowestNoticedMs: Math.max(...stops.map(({ noticedMs }) => noticedMs)),
    ok: Object.values(wrong).every((n) => n === 0),
  };
}

const LEASES = `
  select case when target is null then 'report, not begun' else 'report, sent' end as held from deptrans.reports where lease_token is not null
  union all select 'leadership ' || name from deptrans.leaders where expires_at > deptrans.now()
  union all select 'login' from deptrans.regulator_tokens where login_until > deptrans.now()`;

/** What somebody would have to wait for. */
async function readLeases(databaseUrl: string): Promise<string[]> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    return (await client.query<{ held: string }>(LEASES)).rows.map(({ held }) => held);
  } finally {
    await client.end();
  }
}

export const stopSoak: Soak<Size> = {
  name: 'stop',
  shows:
    'G23: 50 SIGTERMs under load: every accepted call answered, streams told to go, no lease left, exit 0 within the grace',
  options,
  deadlineMs: ({ stops }) => 60_000 + stops * 40_000,
  async run(size, signal) {
    await using server = await startPostgres({ durable: false });
    return await stopAgain(size, server.url, signal);
  },
};
