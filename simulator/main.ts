import { pino } from 'pino';
import { openEnvReader } from './read-env.ts';
import { openSimulator, type Simulator, type SimulatorOptions } from './simulator.ts';

/**
 * The simulator as a process. SIM_PORT (8090), SERVICE_URL (absent: nobody binds), KAFKA_BROKERS (absent: events are pushed to SERVICE_URL),
 * KEYS (a folder of keys by which tokens for the service are made; absent: none are), DRIVERS (2000), RATE (300 events a second), SEED (1). Ends with 0 on SIGTERM and SIGINT, with 1 and a sentence if it cannot start.
 */
const log = pino({ name: 'city', base: null });

function readOptions(): SimulatorOptions {
  const env = openEnvReader(process.env);
  const options = {
    port: env.number('SIM_PORT', 8_090, 0, 65_535),
    people: env.number('DRIVERS', 2_000, 10, 1_000_000),
    rate: env.number('RATE', 300, 1, 50_000),
    seed: env.number('SEED', 1, 0, 999_999_999),
    serviceUrl: env.url('SERVICE_URL'),
    brokers: env.text('KAFKA_BROKERS'),
    keys: env.text('KEYS'),
    weather: true,
  };
  env.check();
  return options;
}

async function main(): Promise<void> {
  await using simulator = await openSimulator(readOptions());
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  log.info({ url: simulator.url }, 'listening');
  await Promise.race([live(simulator).then(() => stopped), stopped]);
}

async function live({ city }: Simulator): Promise<void> {
  const beganMs = performance.now();
  await city.start();
  const { people, bindings } = city.state();
  log.info(
    { people, bound: bindings?.bound ?? 0, ms: Math.round(performance.now() - beganMs) },
    'drivers are on their way',
  );
}

main().then(
  () => log.info('stopped'),
  (problem: Error) => {
    log.error(problem.message);
    process.exitCode = 1;
  },
);
