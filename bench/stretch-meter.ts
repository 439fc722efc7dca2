import type { ChildProcess } from 'node:child_process';

/** Of the stretches of CPU of a process since they were asked for last; `maxRss` in bytes. */
export type Stretches = { p99Ms: number; p999Ms: number; maxMs: number; count: number; maxRss: number };

/** Measures a process that is started with `nodeOptions` and whose lines are given to `onLine`, by own-stretches.ts within it. */
export type StretchMeter = {
  readonly nodeOptions: string;
  onLine(line: string): void;
  /** Tells what was measured since the last time, and begins anew. */
  ask(process: ChildProcess): Promise<Stretches>;
};

export function openStretchMeter(): StretchMeter {
  let told = Promise.withResolvers<Stretches>();
  return {
    nodeOptions: `--import ${new URL('own-stretches.ts', import.meta.url)}`,
    onLine(line) {
      if (line.startsWith('{"stretches"')) told.resolve((JSON.parse(line) as { stretches: Stretches }).stretches);
    },
    ask(process) {
      told = Promise.withResolvers();
      process.kill('SIGUSR2');
      return told.promise;
    },
  };
}
