import goals from './goals.json' with { type: 'json' };

/** What a figure must be. The figures themselves are in goals.json, which mirrors what the project promises (P1-P12) and the brief's sizes. */
export type Goal = {
  /** Name of the benchmark that measures it. */
  bench: string;
  what: string;
  /** What the baseline is. Absent: the promise names none. */
  against?: string;
  /** Of the value and the baseline. */
  unit: string;
  /** Whether the value itself is judged, or value / baseline. */
  judged: 'value' | 'ratio';
} & ({ atLeast: number; atMost?: undefined } | { atMost: number; atLeast?: undefined });

export type GoalId = keyof typeof goals;

export const allGoals = goals as Readonly<Record<GoalId, Goal>>;

/** Whether a figure reaches its goal. Not a number never does. */
export function reaches(figure: number, goal: Goal): boolean {
  return goal.atLeast !== undefined ? figure >= goal.atLeast : figure <= goal.atMost;
}

/** The goal for people: `ratio >= 0.5`. */
export function describeGoal(goal: Goal): string {
  return `${goal.judged} ${goal.atLeast !== undefined ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`}`;
}
