import { readFile } from 'node:fs/promises';
import { type Child, startChild } from '../../simulator/stage/child.ts';
import { startService, untilReady } from '../../simulator/stage/service.ts';
import { openStretchMeter, type Stretches } from '../stretch-meter.ts';

/** A process that serves the feed, and what it costs. */
export type Served = Child & {
  readonly url: string;
  /** CPU since its start, user and system, ms. */
  cpuMs(): Promise<number>;
  rssMb(): Promise<number>;
};

/** Beside whom the feed's process runs and what it does; nobody, and the feed and the API alone. */
export type Scene = { brokers: string | null; cityUrl: string; env: Readonly<Record<string, string>> };
const ALONE: Scene = { brokers: null, cityUrl: 'http://127.0.0.1:9', env: { PARTS: 'feed,api' } };

/** The service as it ships. Resolves when it is ready; `readyMs` is how long that took from the start. */
export async function serveFeed(databaseUrl: string, scene = ALONE): Promise<Served & { readyMs: number }> {
  const startedAt = performance.now();
  const service = await startService({ databaseUrl, ...scene });
  await untilReady(service.url);
  return {
    ...measured(service, service.metricsUrl),
    url: service.url,
    readyMs: performance.now() - startedAt,
  };
}

/** The same, with a meter in the process, which costs it some tenths of a percent; `stretches` tells what they were since they were asked for last. */
export async function serveMetered(
  databaseUrl: string,
  scene = ALONE,
): Promise<Served & { stretches(): Promise<Stretches> }> {
  const meter = openStretchMeter();
  const { brokers, cityUrl } = scene;
  const env = { ...scene.env, NODE_OPTIONS: meter.nodeOptions };
  const service = await startService({ databaseUrl, brokers, cityUrl, env, onLine: meter.onLine });
  await untilReady(service.url);
  return {
    ...measured(service, service.metricsUrl),
    url: service.url,
    stretches: () => meter.ask(service.process),
  };
}

/** The same feed whose frames become messages again and are encoded for each subscriber, as a service that knows no frames does. */
export async function serveTyped(databaseUrl: string): Promise<Served> {
  const child = await startChild({
    file: 'bench/feed/typed-server.ts',
    args: [databaseUrl],
    env: {},
    greeting: (line) => (line.startsWith('{"url"') ? (JSON.parse(line) as { url: string; metricsUrl: string }) : null),
  });
  return { ...measured(child, child.greeting.metricsUrl), url: child.greeting.url };
}

/** CPU that a service has used since its start, user and system, ms. */
export async function cpuMsOf({ metricsUrl }: { metricsUrl: string }): Promise<number> {
  return 1_000 * (await readSample(metricsUrl, 'process_cpu_seconds_total'));
}

function measured<T extends Child>(child: T, metricsUrl: string) {
  return {
    ...child,
    cpuMs: () => cpuMsOf({ metricsUrl }),
    rssMb: () => residentMb(child.process.pid!, metricsUrl),
  };
}

async function readSample(metricsUrl: string, name: string): Promise<number> {
  const text = await (await fetch(metricsUrl)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `) || each.startsWith(`${name}{`));
  if (!line) throw new Error(`The process tells no ${name}.`);
  return Number(line.slice(line.lastIndexOf(' ') + 1));
}

/** From /proc, where asking costs the process nothing; elsewhere from its own metrics. */
async function residentMb(pid: number, metricsUrl: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kb = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kb ? Number(kb) / 1_024 : (await readSample(metricsUrl, 'process_resident_memory_bytes')) / 2 ** 20;
}
