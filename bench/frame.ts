import { allGoals, describeGoal, type GoalId, reaches } from './goals.ts';
import { median, rounded, spread } from './statistics.ts';

/**
 * What all benchmarks have in common: a subject and its baseline are measured in turn (A B A B …) in one process on one machine, so that what
 * slows the machine slows both; of each series the median is published, and of the ratios those of neighbours in time.
 *
 * Guarantees: `ok` comes from the goal alone; a run that fails, or does not end in its time, makes no figure at all.
 * Not guaranteed: that figures of two machines, or of two days on shared cores, can be compared. Ratios can.
 */
export type Trial = AsyncDisposable & {
  /** Does the work once and returns a reading per goal. Rejects when `signal` aborts. */
  subject(signal: AbortSignal): Promise<Readings>;
  /** The same for what the subject is compared with, with a reading for each goal that is. Absent: no goal needs one. */
  baseline?(signal: AbortSignal): Promise<Readings>;
};

export type Readings = Partial<Record<GoalId, Reading>>;

export type Reading = {
  /** In the goal's unit. */
  value: number;
  /** Figures that are printed beside it and judge nothing. */
  beside?: Readonly<Record<string, number>>;
};

export type Bench = {
  name: string;
  trials: readonly TrialPlan[];
};

export type TrialPlan = {
  goals: readonly GoalId[];
  /** Turns that are measured unless asked otherwise. */
  runs: number;
  /** Turns before those, thrown away: caches, connections and the compiler are warm then. */
  warmUps: number;
  /** The longest time of one turn of one side. */
  deadlineMs: number;
  /** Makes ready what all turns share. */
  open(size: Size): Promise<Trial>;
};

/** `small`: a trial of the benchmark itself, in seconds; its figures say nothing about the goal. */
export type Size = 'full' | 'small';

export type Turn = { subject: Readings; baseline: Readings | null };

/** The line that is published. */
export type Line = {
  name: string;
  promise: GoalId;
  what: string;
  value: number;
  unit: string;
  baseline: number | null;
  against: string | null;
  ratio: number | null;
  goal: string;
  ok: boolean;
  runs: number;
  /** Of the figure that is judged: (greatest - smallest) / median. */
  spread: number;
  size: Size;
  beside: Record<string, number>;
  besideBaseline: Record<string, number>;
};

/** Runs one trial of a benchmark to its end and returns a line per goal. Throws if a turn fails or takes too long. */
export async function runTrial(
  name: string,
  plan: TrialPlan,
  { runs = plan.runs, size, signal }: { runs?: number | undefined; size: Size; signal: AbortSignal },
): Promise<Line[]> {
  signal.throwIfAborted();
  await using trial = await plan.open(size);
  const { deadlineMs } = plan;
  const turns: Turn[] = [];
  for (let i = 0; i < plan.warmUps + runs; i++) {
    const subject = await inTime((within) => trial.subject(within), { deadlineMs, signal });
    const baseline = trial.baseline ? await inTime((within) => trial.baseline!(within), { deadlineMs, signal }) : null;
    if (i >= plan.warmUps) turns.push({ subject, baseline });
  }
  return plan.goals.map((promise) => summarise(name, promise, turns, size));
}

async function inTime<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { deadlineMs, signal }: { deadlineMs: number; signal: AbortSignal },
): Promise<T> {
  signal.throwIfAborted();
  const limit = AbortSignal.timeout(deadlineMs);
  try {
    return await work(AbortSignal.any([signal, limit]));
  } catch (problem) {
    if (signal.aborted) throw signal.reason;
    if (limit.aborted) throw new Error(`A turn did not end within ${deadlineMs / 1000} s.`, { cause: problem });
    throw problem;
  }
}

/** The line of one goal over all turns. */
export function summarise(name: string, promise: GoalId, turns: readonly Turn[], size: Size): Line {
  const goal = allGoals[promise];
  const subjects = turns.map(({ subject }) => readingOf(subject, promise));
  const baselines = turns.flatMap(({ baseline }) => baseline?.[promise] ?? []);
  const values = subjects.map(({ value }) => value);
  const ratios = baselines.map(({ value }, i) => values[i]! / value);
  const judged = goal.judged === 'value' ? values : ratios;
  if (judged.length === 0) throw new Error(`${promise} is judged by its ratio and has no baseline.`);
  return {
    name,
    promise,
    what: goal.what,
    value: rounded(median(values)),
    unit: goal.unit,
    baseline: baselines.length > 0 ? rounded(median(baselines.map(({ value }) => value))) : null,
    against: goal.against ?? null,
    ratio: ratios.length > 0 ? rounded(median(ratios)) : null,
    goal: describeGoal(goal),
    ok: reaches(median(judged), goal),
    runs: turns.length,
    spread: rounded(spread(judged)),
    size,
    beside: medians(subjects),
    besideBaseline: medians(baselines),
  };
}

function readingOf(readings: Readings, promise: GoalId): Reading {
  const reading = readings[promise];
  if (!reading) throw new Error(`A turn made no reading for ${promise}.`);
  return reading;
}

function medians(readings: readonly Reading[]): Record<string, number> {
  const names = Object.keys(readings[0]?.beside ?? {});
  return Object.fromEntries(
    names.map((name) => [name, rounded(median(readings.map(({ beside }) => beside?.[name] ?? Number.NaN)))]),
  );
}
