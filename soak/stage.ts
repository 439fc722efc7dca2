import { freePorts } from '../simulator/broker/kafka-settings.ts';
import type { Comparison } from '../simulator/control/compare.ts';
import { type Figures, openFigures } from '../simulator/demo/figures.ts';
import { readSweepRepaired } from '../simulator/demo/sweep-repaired.ts';
import { untilAtRest } from '../simulator/demo/verdict.ts';
import { openSimulator, type Simulator } from '../simulator/simulator.ts';
import { type Service, startService, untilReady } from '../simulator/stage/service.ts';

/**
 * A city in this process, and N instances of the service beside it, each a process of its own, on one database and one topic.
 * Disposing ends everything that was started here.
 */
export type Stage = AsyncDisposable & {
  readonly simulator: Simulator;
  readonly instances: readonly Instance[];
  /**
   * Lets the drivers stop changing and everything come through; then the judge's word and the tables', read from `databaseUrl`. `slackMs`: how late the
   * instances may have heard of tariffs, places and licences, because of what was done to them; by default the judge's own.
   */
  rest(databaseUrl: string, signal: AbortSignal, slackMs?: number): Promise<Rest>;
};

export type Instance = {
  readonly service: Service;
  /** Ends the process at once, as a crash does, and starts it again. */
  restart(): Promise<void>;
};

/** `explanation`: all that is known of the first one who is wrong. `sweepRepaired`: of the instances since they were last started. */
export type Rest = { judged: Comparison; figures: Figures; sweepRepaired: number; explanation: unknown };

export type StageOptions = {
  databaseUrl: string;
  brokers: string;
  people: number;
  /** Events a second. */
  rate: number;
  instances: number;
  /** Whether the regulator misbehaves a little. */
  weather?: boolean;
  seed?: number;
  env?: Readonly<Record<string, string>>;
};

/** What would otherwise be waited for in vain: half a minute of quiet time, of a sweep's period, of a session in the group. */
const hurry = {
  // A process that is killed takes the attempts that it had in hand with it; a whole city binds at once.
  DEPTRANS_API_SERVICE_ATTEMPTS: '100000',
  DEPTRANS_DELIVERY_QUIET_MS: '5000',
  DEPTRANS_DELIVERY_SWEEP_MS: '3000',
  DEPTRANS_DELIVERY_POSITION_RETRY_MS: '3000',
  DEPTRANS_DELIVERY_PERSON_RETRY_MS: '3000',
  DEPTRANS_DELIVERY_PROBE_MS: '2000',
  DEPTRANS_INTAKE_SESSION_TIMEOUT_MS: '2000',
};

/** At most from the freeze to the rest: in a backlog readings and questions after changes of licence wait for the reports. */
export const patienceMs = 900_000;

/** Resolves when every instance is ready. The city does not move before `simulator.city.start()`. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const { databaseUrl, brokers, people, rate, weather = false, seed = 1 } = options;
  const stack = new AsyncDisposableStack();
  try {
    const ports = await freePorts(Array.from({ length: options.instances }, () => 0));
    const topic = `soak-${ports[0]}-${Date.now()}`;
    const serviceUrl = `http://127.0.0.1:${ports[0]}`;
    const simulator = stack.use(
      await openSimulator({ port: 0, people, rate, seed, weather, serviceUrl, brokers, topic }),
    );
    const start = (no: number) =>
      startService({
        databaseUrl,
        brokers,
        cityUrl: simulator.url,
        port: ports[no]!,
        env: {
          ...hurry,
          DEPTRANS_INTAKE_TOPIC: topic,
          DEPTRANS_INTAKE_GROUP_ID: topic,
          INSTANCE: `soak-${no}`,
          ...options.env,
        },
      });
    const instances: Instance[] = [];
    for (const no of ports.keys()) instances.push(await openInstance(() => start(no), stack));
    await Promise.all(instances.map(({ service }) => untilReady(service.url)));
    const owned = stack.move();
    return {
      simulator,
      instances,
      async rest(figuresUrl, signal, slackMs) {
        await simulator.city.freeze();
        await using figures = await openFigures(figuresUrl);
        await untilAtRest({ cityUrl: simulator.url }, figures, { patienceMs, signal });
        if (slackMs !== undefined) await fitJudge(simulator, slackMs);
        const judged = simulator.compare();
        const repaired = await Promise.all(instances.map(({ service }) => readSweepRepaired(service.metricsUrl)));
        const sweepRepaired = repaired.flatMap(Object.values).reduce((sum, n) => sum + n, 0);
        const explanation = await explain(simulator, judged);
        return { judged, figures: await figures.read(), sweepRepaired, explanation };
      },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function openInstance(start: () => Promise<Service>, stack: AsyncDisposableStack): Promise<Instance> {
  let service = await start();
  stack.defer(async () => void (await service.stop()));
  return {
    get service() {
      return service;
    },
    async restart() {
      await service.kill();
      service = await start();
    },
  };
}

async function fitJudge({ url }: Simulator, slackMs: number): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/control/judge`, { method: 'PATCH', headers, body: JSON.stringify({ slackMs }) });
  if (!answer.ok) throw new Error(`The judge did not take it: ${await answer.text()}`);
}

async function explain({ url }: Simulator, { examples: [first] }: Comparison): Promise<unknown> {
  return first && (await fetch(`${url}/control/truth/${first.deptransId}`)).json();
}

/** The figures of a city at rest, and whether everything is as it must be. */
export function verdictOf({ judged, figures, sweepRepaired, explanation }: Rest) {
  const { differ, outOfOrder, overlapping, secondShifts, duplicates, reports, connected, trulyConnected } = judged;
  const { waiting, busy, balance } = figures;
  const missing = balance['missing'] ?? Number.NaN;
  const wrong = { differ, outOfOrder, overlapping, secondShifts, waiting, busy, missing, sweepRepaired };
  return {
    events: judged.produced.messages,
    taken: balance['taken'] ?? 0,
    reports,
    connected,
    trulyConnected,
    duplicates,
    ...wrong,
    ...(judged.examples.length > 0 && { examples: judged.examples.slice(0, 3), explanation }),
    ok: Object.values(wrong).every((n) => n === 0),
  };
}
