import { type Child, startChild } from './child.ts';

export type ServiceSurroundings = {
  databaseUrl: string;
  /** Null: no broker, events come by push. */
  brokers: string | null;
  /** Of the city, with its neighbours and regulator below it. */
  cityUrl: string;
};

export type Service = Child & { readonly url: string; readonly metricsUrl: string };

export type ServiceOptions = ServiceSurroundings & {
  port?: number;
  metricsPort?: number;
  /** Further settings (`DEPTRANS_…`, `PARTS`, `INSTANCE`). */
  env?: Readonly<Record<string, string>>;
  onLine?(line: string): void;
};

/** Under which the service that is started here hashes ids in its journal. */
export const journalKey = 'a-key-of-the-simulated-city';

/**
 * A whole city's drivers try wrong ids, from one address and in a few minutes: what would be an attack is everyday life here. Nor does a slow machine, on
 * which all of them bind at once, are not answered in time and try again, use up what each may try.
 */
const CROWD = {
  DEPTRANS_API_ADDRESS_ATTEMPTS: '100000',
  DEPTRANS_API_SERVICE_ATTEMPTS: '100000',
  DEPTRANS_API_PERSON_ATTEMPTS: '1000',
  DEPTRANS_API_READ_TIMEOUT_MS: '8000',
  DEPTRANS_API_DEADLINE_MS: '9000',
};

/** Starts the service as a process of its own, beside a simulated city; it knows nobody, unless `env` gives it keys. Ready to be called when this resolves. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { databaseUrl, brokers, cityUrl, port = 0, metricsPort = 0, env = {}, onLine } = options;
  const child = await startChild({
    file: 'src/main.ts',
    env: {
      DATABASE_URL: databaseUrl,
      ...(brokers !== null && { KAFKA_BROKERS: brokers }),
      AUTH: 'open',
      PORT: String(port),
      METRICS_PORT: String(metricsPort),
      REGULATOR_URL: `${cityUrl}/regulator`,
      REGULATOR_LOGIN: 'service',
      REGULATOR_PASSWORD: 'secret',
      JOURNAL_KEY: journalKey,
      ...CROWD,
      DRIVER_PROFILES_URL: `${cityUrl}/driver-profiles`,
      DRIVER_CATEGORIES_URL: `${cityUrl}/driver-categories`,
      DRIVER_TRACKSTORY_URL: `${cityUrl}/trackstory`,
      PERSONAL_URL: `${cityUrl}/personal`,
      ...env,
    },
    greeting: readGreeting,
    ...(onLine && { onLine }),
  });
  return { ...child, url: child.greeting.url, metricsUrl: `http://127.0.0.1:${child.greeting.metricsPort}/metrics` };
}

/** Waits until the service says that it is ready. Rejects with the reasons it gave last. */
export async function untilReady(url: string, timeoutMs = 300_000): Promise<void> {
  const until = performance.now() + timeoutMs;
  for (let reasons = 'no answer'; ; ) {
    try {
      const answer = await fetch(`${url}/readyz`);
      if (answer.ok) return;
      reasons = await answer.text();
    } catch {
      // Not listening yet.
    }
    if (performance.now() > until) throw new Error(`The service is not ready: ${reasons}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function readGreeting(line: string): { url: string; metricsPort: number } | null {
  if (!line.includes('"started"')) return null;
  const { url, metricsPort } = JSON.parse(line) as { url: string; metricsPort: number };
  return { url, metricsPort };
}
