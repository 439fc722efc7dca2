import { openEnvReader } from '../read-env.ts';

/** What `make run` can be told by its environment. */
export type DemoOptions = {
  port: number;
  cityPort: number;
  drivers: number;
  rate: number;
  seed: number;
  /** How long after the first event everything is compared; null: never, until Ctrl-C. */
  forMs: number | null;
  broker: 'auto' | 'kafka' | 'none';
  /** Of one's own server; a database is made in it for this run. Null: the embedded one. */
  databaseUrl: string | null;
};

/** Throws one error that names every problem. */
export function readOptions(env: Readonly<Record<string, string | undefined>>): DemoOptions {
  const reader = openEnvReader(env);
  const options = {
    port: reader.number('PORT', 8_080, 1, 65_535),
    cityPort: reader.number('SIM_PORT', 8_090, 1, 65_535),
    drivers: reader.number('DRIVERS', 2_000, 10, 200_000),
    rate: reader.number('RATE', 300, 1, 20_000),
    seed: reader.number('SEED', 1, 0, 999_999_999),
    databaseUrl: reader.text('DATABASE_URL'),
  };
  reader.check();
  const broker = reader.text('BROKER') ?? 'auto';
  if (broker !== 'auto' && broker !== 'kafka' && broker !== 'none')
    throw new Error('BROKER must be auto, kafka or none.');
  return { ...options, broker, forMs: readDuration(reader.text('FOR')) };
}

function readDuration(text: string | null): number | null {
  if (text === null) return null;
  const [, amount, unit] = /^(\d{1,6})(s|m)$/.exec(text) ?? [];
  if (!amount) throw new Error('FOR must be a number of seconds or minutes: 30s or 2m.');
  return Number(amount) * (unit === 'm' ? 60_000 : 1_000);
}
