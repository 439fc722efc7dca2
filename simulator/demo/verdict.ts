import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Comparison } from '../control/compare.ts';
import type { Example } from '../judge/judge.ts';
import type { FigureReader } from './figures.ts';
import { readJson } from './read-json.ts';
import type { Stage } from './stage.ts';
import { readSweepRepaired } from './sweep-repaired.ts';

/** The last line of a run. `differ`, `outOfOrder` and `subscriberDiffer` are 0, `sweepRepaired` is empty, `covered` has no 0, or the run has failed. */
export type RunVerdict = {
  events: number;
  reports: number;
  people: number;
  connectedAtEnd: number;
  differ: number;
  outOfOrder: number;
  duplicates: number;
  waiting: number;
  parked: number;
  subscriberDiffer: number;
  sweepRepaired: Record<string, number>;
  covered: Record<string, number>;
  balance: Record<string, number>;
};

const STEADY_MS = 8_000;
const PATIENCE_MS = 300_000;
const LOOK_MS = 250;

/**
 * Waits until the city is at rest: every event and binding is through, and for longer than a sweep takes nothing waits or is under way. Gives up after
 * `patienceMs`, five minutes by default; whatever is not through then shows in the verdict. Rejects when the signal aborts.
 */
export async function untilAtRest(
  { cityUrl }: Pick<Stage, 'cityUrl'>,
  figures: FigureReader,
  { patienceMs = PATIENCE_MS, signal }: { patienceMs?: number; signal?: AbortSignal } = {},
): Promise<void> {
  const until = performance.now() + patienceMs;
  let restingSince: number | null = null;
  while (performance.now() < until) {
    const { unsent, bindingsUnderWay } = await readJson<{ unsent: number; bindingsUnderWay: number }>(
      `${cityUrl}/control/state`,
    );
    const { busy, waiting } = await figures.read();
    const resting = unsent + bindingsUnderWay + busy + waiting === 0;
    restingSince = resting ? (restingSince ?? performance.now()) : null;
    if (restingSince !== null && performance.now() - restingSince > STEADY_MS) return;
    await pause(LOOK_MS, undefined, { signal });
  }
}

export async function readVerdict(
  stage: Stage,
  figures: FigureReader,
): Promise<{ verdict: RunVerdict; examples: readonly Example[] }> {
  const { waiting, parked, balance } = await figures.read();
  for (const { on, atMs } of await figures.switches())
    await readJson(`${stage.cityUrl}/control/region`, 'POST', { on, atMs });
  const judged = await readJson<Comparison>(`${stage.cityUrl}/control/compare`);
  const copy = await compareCopy(stage);
  const verdict = {
    events: judged.produced.messages,
    reports: judged.reports,
    people: judged.people,
    connectedAtEnd: judged.onLine,
    differ: judged.differ,
    outOfOrder: judged.outOfOrder,
    duplicates: judged.duplicates,
    waiting,
    parked,
    subscriberDiffer: copy.differ,
    sweepRepaired: await readSweepRepaired(stage.service.metricsUrl),
    covered: judged.covered,
    balance,
  };
  return { verdict, examples: judged.examples };
}

/** What is wrong with a run, in sentences; empty if nothing is. */
export function complaintsAbout(verdict: RunVerdict): string[] {
  const zero = ['differ', 'outOfOrder', 'waiting', 'subscriberDiffer'] as const;
  const uncovered = Object.keys(verdict.covered).filter((kind) => verdict.covered[kind] === 0);
  const repaired = Object.entries(verdict.sweepRepaired).map(([cause, n]) => `${n} ${cause}`);
  return [
    ...zero.filter((name) => verdict[name] !== 0).map((name) => `${name} is ${verdict[name]}, not 0`),
    ...(verdict.balance['missing'] === 0 ? [] : [`${verdict.balance['missing']} events are unaccounted for`]),
    ...(repaired.length === 0 ? [] : [`the sweep repaired lost wakes: ${repaired.join(', ')}`]),
    ...(verdict.connectedAtEnd >= 0.4 * verdict.people ? [] : ['fewer than 40 % of the drivers stayed connected']),
    ...(uncovered.length === 0 ? [] : [`never happened: ${uncovered.join(', ')}`]),
  ];
}

/** How many records of the subscriber's copy differ from the tables, found by a process that is neither. */
export async function compareCopy({
  databaseUrl,
  subscriberUrl,
}: Pick<Stage, 'databaseUrl' | 'subscriberUrl'>): Promise<{ records: number; differ: number }> {
  const file = join(import.meta.dirname, 'compare-copy.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [file, databaseUrl, subscriberUrl], {
    maxBuffer: 1 << 20,
  });
  return JSON.parse(stdout) as { records: number; differ: number };
}
