import { monitorEventLoopDelay } from 'node:perf_hooks';
import pg from 'pg';
import { expect, inject } from 'vitest';
import { settingsFor } from '../../keys/keys.ts';
import type { Comparison } from '../../simulator/control/compare.ts';
import { type FigureReader, type Figures, openFigures } from '../../simulator/demo/figures.ts';
import { HURRY } from '../../simulator/demo/stage.ts';
import { readSweepRepaired } from '../../simulator/demo/sweep-repaired.ts';
import { untilAtRest } from '../../simulator/demo/verdict.ts';
import { plainRules } from '../../simulator/judge/judge.ts';
import { openSimulator, type Simulator } from '../../simulator/simulator.ts';
import { type Service, startService } from '../../simulator/stage/service.ts';
import { openTestDatabase } from './database.ts';
import { freePort } from './free-port.ts';

/**
 * A city in this process and, beside it, the service as a process of its own, with a topic and a database that are theirs alone.
 * Disposing ends everything that was started.
 */
export type Scenario = AsyncDisposable & {
  readonly simulator: Simulator;
  readonly figures: FigureReader;
  /** Asks the tables. */
  query<Row extends object>(statement: string, values?: unknown[]): Promise<Row[]>;
  /** Where the service listens whenever it runs. */
  readonly serviceUrl: string;
  /** Starts the service, which must not be running. Settings win over those of the demonstration. */
  startService(settings?: Readonly<Record<string, string>>): Promise<Service>;
  /** Lets the drivers stop changing and everything come through, and then asks the judge and the tables. */
  rest(): Promise<Rest>;
};

export type Rest = { judged: Comparison; figures: Figures; sweepRepaired: Record<string, number>; explanation: string };

export type ScenarioOptions = {
  people: number;
  /** Events a second. */
  rate: number;
  seed?: number;
  /** Whether the regulator misbehaves a little. */
  weather?: boolean;
  /** Whether events come through the broker; else they are pushed. */
  broker?: boolean;
  /** A folder of keys by which callers are known; without one the service is open. */
  keys?: string;
  /** A database of one's own instead of one that is made here. */
  databaseUrl?: string;
};

/** What passes in real time is so long that no busy machine makes a service drop what it has in hand, or lose its database. */
const PATIENT = { DEPTRANS_PROCESS_GRACE_MS: '60000', DEPTRANS_DATABASE_CONNECT_TIMEOUT_MS: '20000' };

export async function openScenario(options: ScenarioOptions): Promise<Scenario> {
  const { people, rate, seed = 1, weather = false, broker = true, keys = null } = options;
  const stack = new AsyncDisposableStack();
  try {
    const databaseUrl = options.databaseUrl ?? stack.use(await openTestDatabase()).url;
    const port = await freePort();
    const serviceUrl = `http://127.0.0.1:${port}`;
    const brokers = broker ? inject('kafkaBrokers') : null;
    const topic = `scenario-${port}-${Date.now()}`;
    const simulator = stack.use(
      await openSimulator({ port: 0, people, rate, seed, weather, serviceUrl, brokers, topic, keys }),
    );
    const figures = stack.use(await openFigures(databaseUrl));
    const client = stack.adopt(new pg.Client(databaseUrl), (one) => one.end());
    await client.connect();
    const own = { DEPTRANS_INTAKE_TOPIC: topic, DEPTRANS_INTAKE_GROUP_ID: topic };
    const deafness = stack.use(openDeafness(simulator));
    let service: Service | null = null;
    stack.defer(async () => void (await service?.stop()));
    const owned = stack.move();
    return {
      simulator,
      figures,
      query: async <Row extends object>(statement: string, values: unknown[] = []) =>
        (await client.query<Row>(statement, values)).rows,
      serviceUrl,
      async startService(settings = {}) {
        const env = { ...HURRY, ...PATIENT, ...own, ...(keys && settingsFor(keys)), ...settings };
        service = await startService({ databaseUrl, brokers, cityUrl: simulator.url, port, env });
        deafness.started(service);
        return service;
      },
      async rest() {
        await simulator.city.freeze();
        await untilAtRest({ cityUrl: simulator.url }, figures);
        const judged = simulator.compare(plainRules.slackMs + deafness.longestMs());
        const sweepRepaired = service ? await readSweepRepaired(service.metricsUrl) : {};
        return { judged, figures: await figures.read(), sweepRepaired, explanation: await explain(simulator, judged) };
      },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/**
 * For how long the service may have known nothing new of tariffs, places and licences: while it was not there, or did not ask, and as long again until
 * what it heard had its effect, or while this process, in which the neighbours are, stood still.
 */
function openDeafness({ neighbours: { switches } }: Simulator) {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const heard = (['driver-profiles', 'driver-categories'] as const).map((name) => ({ name, requests: 0, atMs: 0 }));
  let goneAtMs: number | null = null;
  let awayMs = 0;
  let silentMs = 0;
  const looking = setInterval(() => {
    const nowMs = performance.now();
    for (const last of heard) {
      const { requests } = switches[last.name];
      if (last.requests > 0) silentMs = Math.max(silentMs, nowMs - last.atMs);
      if (requests !== last.requests) Object.assign(last, { requests, atMs: nowMs });
    }
  }, 100);
  return {
    started({ ended }: Service) {
      if (goneAtMs !== null) awayMs = Math.max(awayMs, performance.now() - goneAtMs);
      void ended.then(() => {
        goneAtMs = performance.now();
      });
    },
    longestMs: () => 2 * Math.max(awayMs, silentMs) + Math.ceil(delay.max / 1e6),
    [Symbol.dispose]() {
      clearInterval(looking);
      delay.disable();
    },
  };
}

/** What must hold of every city at rest, whatever happened before. */
export function expectExact({ judged, figures, sweepRepaired, explanation }: Rest): void {
  expect(judged, explanation).toMatchObject({ differ: 0, outOfOrder: 0, overlapping: 0, secondShifts: 0 });
  expect(judged.bindings).toMatchObject({ wrongAccepted: 0 });
  expect(figures).toMatchObject({ waiting: 0, busy: 0, balance: { missing: 0 } });
  expect(sweepRepaired).toEqual({});
}

/** All that is known of the first of those that are wrong. */
async function explain({ url }: Simulator, { examples }: Comparison): Promise<string> {
  const told = examples.slice(0, 3).map(async (example) => {
    const truth = await (await fetch(`${url}/control/truth/${example.deptransId}`)).text();
    return `${JSON.stringify(example)} ${truth}`;
  });
  return (await Promise.all(told)).join('\n');
}
