import type { Account } from '../regulator/registry.ts';
import type { Timeline } from './timeline.ts';
import type { Truth } from './truth.ts';

/** What the regulator should have for an id: `either` where both are right, with the reason. */
export type Level = { readonly level: 'connected' | 'disconnected' | 'either'; readonly why: string };

export type LevelRules = {
  /** For so long after leaving the region a driver may be reported either way. */
  dwellMs: number;
  /** A break shorter than this may have gone unseen. */
  slackMs: number;
};

/** What is true of an id now, by the rules of the trade alone. */
export function trueLevel(truth: Truth, deptransId: string, nowMs: number, rules: LevelRules): Level {
  if (truth.isUnsettled(deptransId)) return { level: 'either', why: 'a binding is under way' };
  const all = truth.profilesOf(deptransId).filter((profile) => truth.leads(profile, deptransId, nowMs));
  const working = all.filter(({ connected, listed }) => connected.value && listed.value);
  if (working.some(({ place }) => place.value === 'inside')) return { level: 'connected', why: 'works inside' };
  if (working.some(({ place }) => place.value === 'unknown')) return { level: 'either', why: 'nobody knows where' };
  if (working.length > 0 && leftLately(truth, deptransId, nowMs, rules)) return { level: 'either', why: 'left lately' };
  if (working.length > 0) return { level: 'disconnected', why: 'works outside' };
  return { level: 'disconnected', why: truth.holder(deptransId) === null ? 'bound to nobody' : 'does not work' };
}

/**
 * What is true, and where the regulator itself stands in the way: it ended the shift and the driver has had no break since, or its last
 * word was a refusal of just this.
 */
export function dueLevel(truth: Truth, account: Account, nowMs: number, rules: LevelRules): Level {
  const due = trueLevel(truth, account.id, nowMs, rules);
  const last = account.history.at(-1);
  if (!account.known) return { level: 'either', why: 'the regulator does not know the id' };
  if (last?.what === 'refused' && last.connected === (due.level === 'connected'))
    return { level: 'either', why: 'refused by the regulator' };
  if (last?.what === 'over' && due.level === 'connected' && !startedAfter(truth, account.id, last.atMs))
    return { level: 'either', why: 'the shift is over and there was no break' };
  return due;
}

function startedAfter(truth: Truth, deptransId: string, ms: number): boolean {
  return truth.profilesOf(deptransId).some(({ connected }) => connected.value && connected.entries.at(-1)!.fromMs > ms);
}

/**
 * Whether the person worked inside less than the dwell ago and has had no break since that must have been seen. The person, not the profile:
 * whoever changes parks on the way out, or has a profile taken away, is still the same driver, on line all the time.
 */
function leftLately(truth: Truth, deptransId: string, nowMs: number, { dwellMs, slackMs }: LevelRules): boolean {
  const holder = truth.holder(deptransId);
  const lives = truth.profilesOf(deptransId).map(({ connected, person, place }) => ({
    onLine: overlaps(spansOf(connected, true, nowMs), spansOf(person, holder, nowMs)),
    inside: spansOf(place, 'inside', nowMs),
  }));
  const lastInside = Math.max(
    ...lives.flatMap(({ onLine, inside }) => overlaps(onLine, inside)).map(({ toMs }) => toMs),
  );
  if (nowMs - lastInside >= dwellMs) return false;
  let untilMs = lastInside;
  for (const { fromMs, toMs } of lives.flatMap(({ onLine }) => onLine).sort((a, b) => a.fromMs - b.fromMs)) {
    if (fromMs - untilMs >= slackMs) return false;
    untilMs = Math.max(untilMs, toMs);
  }
  return nowMs - untilMs < slackMs;
}

type Span = { fromMs: number; toMs: number };

/** When the timeline had the value. */
function spansOf<T>({ entries }: Timeline<T>, value: T, nowMs: number): Span[] {
  return entries.flatMap((entry, at) =>
    entry.value === value ? [{ fromMs: entry.fromMs, toMs: entries[at + 1]?.fromMs ?? nowMs }] : [],
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
