import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from './clock.ts';

/** Rate, errors by code and duration of one kind of calls, in one histogram `deptrans_<part>_seconds{call, code}`. */
export type Timer = {
  /** Runs `work` and counts it under its outcome: `ok`, or the error's `code`, or `error`. */
  measure<T>(call: string, work: () => Promise<T>): Promise<T>;
  /** Counts a call that ended, took `ms` and came out as `code`. */
  observe(call: string, code: string, ms: number): void;
};

export type Metrics = {
  readonly registry: Registry;
  /** The timer of a part; the same one for the same name. */
  timer(part: string): Timer;
  /** A counter `deptrans_<name>`; the same one for the same name. */
  counter<L extends string>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  /** A gauge `deptrans_<name>`; `read`, if given, is called at each scrape. */
  gauge<L extends string>(
    name: string,
    help: string,
    labels?: readonly L[],
    read?: (gauge: Gauge<L>) => void,
  ): Gauge<L>;
  histogram<L extends string>(name: string, help: string, buckets: number[], labels?: readonly L[]): Histogram<L>;
};

/** How often the delay of the event loop is looked at, ms. The library's own 10 would be most of what an idle process costs. */
const LOOP_DELAY_EVERY_MS = 50;

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Metrics of one service instance. Several may live in one process: nothing is global. */
export function openMetrics(clock: Clock, { processMetrics = false } = {}): Metrics {
  const registry = new Registry();
  if (processMetrics) collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_DELAY_EVERY_MS });
  const known = new Map<string, unknown>();
  const once = <T>(name: string, make: () => T): T => {
    if (!known.has(name)) known.set(name, make());
    return known.get(name) as T;
  };
  const base = (name: string, help: string) => ({ name: `deptrans_${name}`, help, registers: [registry] });

  const timer = (part: string): Timer =>
    once(`${part}_seconds`, () => {
      const histogram = new Histogram({
        ...base(`${part}_seconds`, `Calls of ${part}: count, code and duration`),
        labelNames: ['call', 'code'] as const,
        buckets: SECONDS,
      });
      const observe: Timer['observe'] = (call, code, ms) => histogram.observe({ call, code }, ms / 1000);
      return {
        observe,
        async measure(call, work) {
          const started = clock.monotonic();
          try {
            const value = await work();
            observe(call, 'ok', clock.monotonic() - started);
            return value;
          } catch (error) {
            observe(call, codeOf(error), clock.monotonic() - started);
            throw error;
          }
        },
      };
    });

  return {
    registry,
    timer,
    counter: (name, help, labels = []) =>
      once(name, () => new Counter({ ...base(name, help), labelNames: [...labels] })),
    gauge: (name, help, labels = [], read) =>
      once(name, () => {
        const collect = read && { collect: () => read(gauge) };
        const gauge: Gauge<(typeof labels)[number]> = new Gauge({
          ...base(name, help),
          labelNames: [...labels],
          ...collect,
        });
        return gauge;
      }),
    histogram: (name, help, buckets, labels = []) =>
      once(name, () => new Histogram({ ...base(name, help), buckets, labelNames: [...labels] })),
  };
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^\w{1,40}$/.test(code) ? code : 'error';
}
