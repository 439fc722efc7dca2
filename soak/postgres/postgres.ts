import { setTimeout as pause } from 'node:timers/promises';
import { startBroker } from '../../simulator/broker/kafka.ts';
import { plainRules } from '../../simulator/judge/judge.ts';
import { openRandom, type Random } from '../../simulator/random.ts';
import type { Simulator } from '../../simulator/simulator.ts';
import type { Figures, Soak } from '../soak.ts';
import { openStage, verdictOf } from '../stage.ts';
import { until } from '../until.ts';
import { type Cluster, startCluster, urlOf } from './cluster.ts';
import { openTcpProxy } from './tcp-proxy.ts';

const options = { crashes: 20, holes: 10, holeMs: 15_000, failovers: 5, people: 2_000, rate: 500, instances: 2 };

type Fault = 'crash' | 'hole' | 'failover';

/** Work goes on when so many calls have reached the regulator: each begins and ends in the database. */
const CALLS_THAT_SHOW_WORK = 20;

/**
 * Crashes, black holes and failovers of PostgreSQL, in turn and at random moments, while drivers drive. No instance may end, and at rest the
 * regulator must know the truth: nothing lost, nothing missing in the balance.
 *
 * The standby is in step (synchronous): one that lags is shown in `test/chaos/lagging-standby.test.ts`.
 */
export async function troublePostgres(
  size: typeof options,
  { brokers, env = {} }: { brokers: string; env?: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<Figures> {
  const random = openRandom('postgres');
  await using clusters = {
    primary: await startCluster(),
    [Symbol.asyncDispose]: () => clusters.primary[Symbol.asyncDispose](),
  };
  await using proxy = await openTcpProxy(clusters.primary.port);
  await using stage = await openStage({
    ...size,
    databaseUrl: urlOf(proxy.port),
    brokers,
    env: { DEPTRANS_DELIVERY_FAILOVER_LAG_MS: '0', ...env },
  });
  const { simulator, instances } = stage;
  const ended: number[] = [];
  for (const [no, { service }] of instances.entries()) service.process.once('exit', () => ended.push(no));
  const living = simulator.city.start();
  let beganMs = performance.now();
  /** From the beginning of a fault until work went on. */
  let longestMs = 0;
  const untilBack = async () => {
    await untilWorking(simulator, signal);
    longestMs = Math.max(longestMs, performance.now() - beganMs);
  };

  await untilWorking(simulator, signal);
  for (const fault of inTurn(size, random)) {
    await pause(random.int(500), undefined, { signal });
    beganMs = performance.now();
    switch (fault) {
      case 'crash':
        await clusters.primary.crash();
        await pause(random.int(500), undefined, { signal });
        await clusters.primary.start();
        break;
      case 'hole':
        proxy.swallow();
        await pause(size.holeMs, undefined, { signal });
        proxy.heal();
        break;
      case 'failover':
        clusters.primary = await failOver(clusters.primary);
        proxy.lead(clusters.primary.port);
        break;
      default:
        fault satisfies never;
    }
    await untilBack();
  }
  await living;
  const slackMs = plainRules.slackMs + longestMs;
  const { ok, ...figures } = verdictOf(await stage.rest(urlOf(clusters.primary.port), signal, slackMs));
  return { ...figures, processesEnded: ended.length, ok: ok && ended.length === 0 };
}

/** Kills the primary and lets a standby take its place. */
async function failOver(primary: Cluster): Promise<Cluster> {
  const standby = await primary.makeStandby();
  await primary.crash();
  await standby.promote();
  await primary[Symbol.asyncDispose]();
  return standby;
}

function inTurn({ crashes, holes, failovers }: typeof options, random: Random): Fault[] {
  const faults = [
    ...Array.from({ length: crashes }, () => 'crash' as const),
    ...Array.from({ length: holes }, () => 'hole' as const),
    ...Array.from({ length: failovers }, () => 'failover' as const),
  ];
  return faults
    .map((fault) => ({ fault, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ fault }) => fault);
}

async function untilWorking({ regulator }: Simulator, signal: AbortSignal): Promise<void> {
  const before = regulator.calls.total;
  await until(() => regulator.calls.total >= before + CALLS_THAT_SHOW_WORK, signal);
}

export const postgresSoak: Soak<typeof options> = {
  name: 'postgres',
  shows: 'G7: PostgreSQL crashes, falls silent and fails over: no process ends, nothing is lost',
  options,
  deadlineMs: ({ crashes, holes, holeMs, failovers }) =>
    300_000 + (crashes + failovers) * 60_000 + holes * (holeMs + 60_000),
  async run(size, signal) {
    await using broker = await startBroker();
    return await troublePostgres(size, { brokers: broker.brokers }, signal);
  },
};
