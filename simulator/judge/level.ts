import type { Account } from '../regulator/registry.ts';
import type { Timeline } from './timeline.ts';
import type { Truth } from './truth.ts';

/** What the regulator should have for an id: `either` where both are right, with the reason. */
export type Level = { readonly level: 'connected' | 'disconnected' | 'either'; readonly why: string };

export type LevelRules = {
  /** For so long after leaving the region a driver may stay connected. */
  dwellMs: number;
  /** How late facts other than the status may have been known, and reports have taken effect. */
  slackMs: number;
};

/**
 * What is true of an id now by the rules of the trade, and where the regulator itself stands in the way: it does not know the id, its last
 * word was a refusal of just this, or it ended the shift and the driver has had no break since.
 */
export function dueLevel(truth: Truth, account: Account, nowMs: number, rules: LevelRules): Level {
  if (!account.known) return { level: 'either', why: 'the regulator does not know the id' };
  const due = trueLevel(truth, account, nowMs, rules);
  const last = account.history.at(-1);
  if (last?.what === 'refused' && last.connected === (due.level === 'connected'))
    return { level: 'either', why: 'refused by the regulator' };
  if (last?.what === 'over' && due.level === 'connected' && !startedAfter(truth, account.id, last.atMs))
    return { level: 'either', why: 'the shift is over and there was no break' };
  return due;
}

function trueLevel(truth: Truth, account: Account, nowMs: number, rules: LevelRules): Level {
  const { id } = account;
  if (truth.isUnsettled(id)) return { level: 'either', why: 'a binding is under way' };
  if (!truth.isRegionOn) return { level: 'disconnected', why: 'the region is off' };
  const all = truth.profilesOf(id).filter((profile) => truth.leads(profile, id, nowMs));
  const working = all.filter(({ connected, listed }) => connected.value && listed.value);
  if (working.some(({ place }) => place.value === 'inside')) return { level: 'connected', why: 'works inside' };
  if (working.some(({ place }) => place.value === 'unknown')) return { level: 'either', why: 'nobody knows where' };
  if (working.length > 0)
    return mayStay(truth, account, nowMs, rules)
      ? { level: 'either', why: 'left lately' }
      : { level: 'disconnected', why: 'works outside' };
  return { level: 'disconnected', why: truth.holder(id) === null ? 'bound to nobody' : 'does not work' };
}

/**
 * Whether the person, on whatever profile, was on line inside less than the dwell ago, with a shift that has been open since (or was opened by a
 * report already on its way). A shift opened later was opened for somebody outside. Breaks do not count: one that was over before it was seen
 * closes nothing.
 */
function mayStay(truth: Truth, { id, shift }: Account, nowMs: number, { dwellMs, slackMs }: LevelRules): boolean {
  const holder = truth.holder(id);
  const inside = truth.profilesOf(id).flatMap(({ connected, person, place }) => {
    const onLine = overlaps(spansOf(connected, true, nowMs), spansOf(person, holder, nowMs, slackMs));
    return overlaps(onLine, spansOf(place, 'inside', nowMs));
  });
  const lastInsideMs = Math.max(...inside.map(({ toMs }) => toMs));
  if (nowMs - lastInsideMs >= dwellMs) return false;
  return shift !== null && shift.endedAtMs === null && shift.startedAtMs <= lastInsideMs + slackMs;
}

function startedAfter(truth: Truth, deptransId: string, ms: number): boolean {
  return truth.profilesOf(deptransId).some(({ connected }) => connected.value && connected.entries.at(-1)!.fromMs > ms);
}

type Span = { fromMs: number; toMs: number };

/** When the timeline had the value, and for `longerMs` after. */
function spansOf<T>({ entries }: Timeline<T>, value: T, nowMs: number, longerMs = 0): Span[] {
  return entries.flatMap((entry, at) =>
    entry.value === value ? [{ fromMs: entry.fromMs, toMs: (entries[at + 1]?.fromMs ?? nowMs) + longerMs }] : [],
  );
}

/** When both were so. */
function overlaps(these: readonly Span[], those: readonly Span[]): Span[] {
  return these.flatMap((a) =>
    those.flatMap((b) => {
      const [fromMs, toMs] = [Math.max(a.fromMs, b.fromMs), Math.min(a.toMs, b.toMs)];
      return fromMs <= toMs ? [{ fromMs, toMs }] : [];
    }),
  );
}
