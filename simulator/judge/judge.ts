import type { HistoryEntry } from '../regulator/registry.ts';
import type { Regulator } from '../regulator/regulator.ts';
import { countMisplaced } from './embed.ts';
import { dueLevel, type LevelRules } from './level.ts';
import type { Truth } from './truth.ts';

/**
 * Compares what the regulator was told with what happened. Shares no code with the service: it is written from the rules of the trade.
 *
 * Guarantees: `differ` and `outOfOrder` are 0 for every service that obeys the rules, however slow, and whatever of its knowledge came late
 * within `slackMs`. Not guaranteed: that a wrong report is seen while its driver changes tariffs, place or licence at that very time.
 */
export type Verdict = {
  /** Ids the regulator knows or that were ever bound. */
  accounts: number;
  /** With an open shift at the regulator. */
  connected: number;
  /** That must be connected, by the truth. */
  trulyConnected: number;
  /** Whose state at the regulator is not the true one. */
  differ: number;
  /** Where either state is right, by the reason. */
  either: Record<string, number>;
  /** Reports that took effect or repeated. */
  reports: number;
  /** Reports that do not fit the life of their driver in order. */
  outOfOrder: number;
  /** Reports of the state that already held (a repeat after the regulator itself ended the shift is none). */
  duplicates: number;
  /** Shifts opened beside an open one. */
  secondShifts: number;
  /** Reports that came while another of the same id was under way. */
  overlapping: number;
  /** The first of those that are wrong, for people to look at. */
  examples: Example[];
};

export type Example = { deptransId: string; what: 'differ' | 'outOfOrder'; should: string; why: string };

export type JudgeRules = LevelRules & { maxExamples: number };

export const plainRules: JudgeRules = { dwellMs: 30 * 60_000, slackMs: 10_000, maxExamples: 20 };

export function judge(truth: Truth, regulator: Regulator, nowMs: number, rules: JudgeRules = plainRules): Verdict {
  const { registry, calls } = regulator;
  const verdict: Verdict = {
    accounts: 0,
    connected: 0,
    trulyConnected: 0,
    differ: 0,
    either: {},
    reports: 0,
    outOfOrder: 0,
    duplicates: 0,
    secondShifts: 0,
    overlapping: calls.overlapping,
    examples: [],
  };
  const show = (example: Example) => {
    if (verdict.examples.length < rules.maxExamples) verdict.examples.push(example);
  };
  for (const account of registry.accounts.values()) {
    const deptransId = account.id;
    const shift = registry.shift(deptransId, nowMs);
    const connected = shift !== null && shift.endedAtMs === null;
    const { level, why } = dueLevel(truth, account, nowMs, rules);
    verdict.accounts += 1;
    verdict.connected += connected ? 1 : 0;
    verdict.trulyConnected += level === 'connected' ? 1 : 0;
    if (level === 'either') verdict.either[why] = (verdict.either[why] ?? 0) + 1;
    else if (connected !== (level === 'connected')) {
      verdict.differ += 1;
      show({ deptransId, what: 'differ', should: level, why });
    }
    const reports = account.history.filter(({ what }) => what !== 'refused' && what !== 'over');
    const misplaced = countMisplaced(truth, deptransId, reports, rules.slackMs);
    verdict.reports += reports.length;
    verdict.outOfOrder += misplaced.count;
    if (misplaced.first) show({ deptransId, what: 'outOfOrder', should: 'not happen', why: describe(misplaced.first) });
    verdict.duplicates += countDuplicates(account.history);
    verdict.secondShifts += reports.filter(({ what }) => what === 'secondShift').length;
  }
  return verdict;
}

function countDuplicates(history: readonly HistoryEntry[]): number {
  return history.filter(
    ({ what, connected }, at) =>
      what === 'secondShift' || (what === 'repeated' && (connected || history[at - 1]?.what !== 'over')),
  ).length;
}

function describe({ connected, atMs }: { connected: boolean; atMs: number }): string {
  return `${connected ? 'CONNECTED' : 'DISCONNECTED'} at ${new Date(atMs).toISOString()}`;
}
