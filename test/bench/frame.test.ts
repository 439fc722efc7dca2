import { expect, test } from 'vitest';
import { benches, findBench } from '../../bench/benches.ts';
import { type Readings, runTrial, summarise, type Trial, type TrialPlan, type Turn } from '../../bench/frame.ts';
import { allGoals, describeGoal, type Goal, type GoalId, reaches } from '../../bench/goals.ts';
import { median, rounded, spread } from '../../bench/statistics.ts';

const ids = Object.keys(allGoals) as GoalId[];
const never = new AbortController().signal;

test('the median is the middle value, in whatever order they come', () => {
  expect(median([5])).toBe(5);
  expect(median([9, 1, 5])).toBe(5);
  expect(median([10, 9, 100, 1])).toBe(9.5);
  expect(() => median([])).toThrow(RangeError);
});

test('the spread is the range over the median', () => {
  expect(spread([7])).toBe(0);
  expect(spread([0, 0])).toBe(0);
  expect(spread([8, 10, 12])).toBe(0.4);
});

test('published figures have four significant digits', () => {
  expect(rounded(123_456)).toBe(123_500);
  expect(rounded(0.012_345_6)).toBe(0.012_35);
});

test.each([
  [0.5, { atLeast: 0.5 }, true],
  [0.499, { atLeast: 0.5 }, false],
  [3, { atMost: 3 }, true],
  [3.01, { atMost: 3 }, false],
  [Number.NaN, { atLeast: 0 }, false],
  [Number.NaN, { atMost: 9 }, false],
])('%d against %o: %s', (figure, limit, ok) => {
  expect(reaches(figure, { bench: 'b', what: 'w', unit: 'u', judged: 'value', ...limit })).toBe(ok);
});

const turn = (promise: GoalId, value: number, baseline: number | null, beside = {}): Turn => ({
  subject: { [promise]: { value, beside } },
  baseline: baseline === null ? null : { [promise]: { value: baseline } },
});

test('a goal for the ratio is judged by the median of the ratios of neighbours in time', () => {
  const turns = [
    turn('P1', 60, 100, { perSecond: 1 }),
    turn('P1', 10, 100, { perSecond: 3 }),
    turn('P1', 45, 50, { perSecond: 2 }),
  ];
  expect(summarise('intake', 'P1', turns, 'full')).toMatchObject({
    name: 'intake',
    promise: 'P1',
    value: 45,
    baseline: 100,
    ratio: 0.6,
    goal: 'ratio >= 0.5',
    ok: true,
    runs: 3,
    spread: rounded((0.9 - 0.1) / 0.6),
    beside: { perSecond: 2 },
    besideBaseline: {},
  });
});

test('a goal for the value is judged by the median of the values, whatever the ratio', () => {
  const turns = [turn('P3', 1_899, 1), turn('P3', 1_900, 1), turn('P3', 5_000, 1)];
  expect(summarise('delivery', 'P3', turns, 'full')).toMatchObject({ value: 1_900, ratio: 1_900, ok: true });
  expect(summarise('delivery', 'P3', turns.slice(0, 1), 'full').ok).toBe(false);
});

test('a goal for the value needs no baseline, one for the ratio does', () => {
  expect(summarise('feed', 'P4', [turn('P4', 7, null)], 'full')).toMatchObject({
    baseline: null,
    ratio: null,
    ok: true,
  });
  expect(() => summarise('intake', 'P1', [turn('P1', 1, null)], 'full')).toThrow('has no baseline');
  expect(() => summarise('intake', 'P1', [turn('P2', 1, 1)], 'full')).toThrow('no reading for P1');
});

test('subject and baseline take turns, warm-ups are thrown away, and the trial is closed', async () => {
  const trial = recordingTrial();
  const plan = { ...trial.plan, warmUps: 1, runs: 2 };
  const [line] = await runTrial('intake', plan, { size: 'small', signal: never });
  expect(trial.done).toEqual([
    'subject 1',
    'baseline 1',
    'subject 2',
    'baseline 2',
    'subject 3',
    'baseline 3',
    'closed',
  ]);
  expect(line).toMatchObject({ runs: 2, value: 2.5, ratio: 0.5, size: 'small' });
});

test('a turn that fails makes no figure, and the trial is closed', async () => {
  const trial = recordingTrial({ failAt: 2 });
  await expect(runTrial('intake', trial.plan, { size: 'full', signal: never })).rejects.toThrow('turn 2 failed');
  expect(trial.done.at(-1)).toBe('closed');
});

test('an interruption is told as such and begins no other turn', async () => {
  const trial = recordingTrial();
  const interrupted = AbortSignal.abort(new Error('Interrupted.'));
  await expect(runTrial('intake', trial.plan, { size: 'full', signal: interrupted })).rejects.toThrow('Interrupted.');
  const ending = new AbortController();
  const open = () => {
    ending.abort(new Error('Interrupted.'));
    return trial.plan.open('full');
  };
  await expect(runTrial('intake', { ...trial.plan, open }, { size: 'full', signal: ending.signal })).rejects.toThrow(
    'Interrupted.',
  );
  expect(trial.done).toEqual(['closed']);
});

test('a turn that does not end in its time makes no figure', async () => {
  const trial = recordingTrial();
  const subject = (signal: AbortSignal) =>
    new Promise<Readings>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const open = async () => ({ ...(await trial.plan.open('full')), subject });
  const plan = { ...trial.plan, open, deadlineMs: 1 };
  await expect(runTrial('intake', plan, { size: 'full', signal: never })).rejects.toThrow('within 0.001 s');
  expect(trial.done).toEqual(['closed']);
});

function recordingTrial({ failAt = Infinity } = {}) {
  const done: string[] = [];
  let turns = 0;
  const trial: Trial = {
    subject(): Promise<Readings> {
      turns += 1;
      done.push(`subject ${turns}`);
      if (turns === failAt) return Promise.reject(new Error(`turn ${turns} failed`));
      return Promise.resolve({ P1: { value: turns } });
    },
    baseline(): Promise<Readings> {
      done.push(`baseline ${turns}`);
      return Promise.resolve({ P1: { value: 2 * turns } });
    },
    [Symbol.asyncDispose]() {
      done.push('closed');
      return Promise.resolve();
    },
  };
  const plan: TrialPlan = {
    goals: ['P1'],
    runs: 5,
    warmUps: 0,
    deadlineMs: 60_000,
    open: () => Promise.resolve(trial),
  };
  return { done, plan };
}

test('an unknown name is answered by the list, and every promise has a benchmark', () => {
  expect(findBench('intake').name).toBe('intake');
  expect(() => findBench(undefined)).toThrow(/^Name a benchmark\. There are: intake, /);
  expect(() => findBench('speed')).toThrow(/^There is no benchmark "speed"\. There are: intake, /);
  for (const id of ids) expect(findBench(allGoals[id].bench).name, id).toBe(allGoals[id].bench);
});

test('goals.json holds every promise of speed, each with one limit', () => {
  expect(new Set(ids.flatMap((id) => /^P\d+/.exec(id)?.[0] ?? []))).toEqual(
    new Set(Array.from({ length: 12 }, (_, i) => `P${i + 1}`)),
  );
  for (const id of ids) {
    const { atLeast, atMost, judged, against }: Goal = allGoals[id];
    expect(
      [atLeast, atMost].filter((limit) => typeof limit === 'number' && limit > 0),
      id,
    ).toHaveLength(1);
    expect(judged === 'value' || (judged === 'ratio' && against !== undefined), id).toBe(true);
  }
  expect(describeGoal(allGoals.P1)).toBe('ratio >= 0.5');
  expect(describeGoal(allGoals.P4)).toBe('value <= 8');
});

test('every benchmark measures exactly the goals that name it', () => {
  for (const { name, trials } of benches) {
    const measured = trials.flatMap(({ goals }) => goals);
    expect(measured.toSorted(), name).toEqual(ids.filter((id) => allGoals[id].bench === name).toSorted());
  }
});
