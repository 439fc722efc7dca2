import type { Account } from '../regulator/registry.ts';
import type { ProfileLife, Truth } from './truth.ts';

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
  if (working.length > 0 && leftLately(all, nowMs, rules)) return { level: 'either', why: 'left lately' };
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
 * Whether the person left the region less than the dwell ago and has had no break since that must have been seen. The person, not the profile:
 * whoever changes parks on the way out is still the same driver, on line all the time.
 */
function leftLately(profiles: readonly ProfileLife[], nowMs: number, { dwellMs, slackMs }: LevelRules): boolean {
  const sinceMs = onLineSince(profiles, slackMs);
  return profiles.some(({ place }) => {
    const left = place.entries.at(-1)!;
    const wasInside = left.value === 'outside' && place.entries.at(-2)?.value === 'inside';
    return wasInside && nowMs - left.fromMs < dwellMs && left.fromMs >= sinceMs;
  });
}

/** When the person came on line, on any profile; breaks shorter than `slackMs` do not count. For somebody who is on line. */
function onLineSince(profiles: readonly ProfileLife[], slackMs: number): number {
  const changes = profiles
    .flatMap(({ connected }) => connected.entries.slice(1).map(({ fromMs, value }) => ({ fromMs, by: value ? 1 : -1 })))
    .sort((a, b) => a.fromMs - b.fromMs || b.by - a.by);
  let onLine = 0;
  let wentMs = Number.NEGATIVE_INFINITY;
  let sinceMs = Number.POSITIVE_INFINITY;
  for (const { fromMs, by } of changes) {
    if (onLine === 0 && fromMs - wentMs >= slackMs) sinceMs = fromMs;
    onLine += by;
    if (onLine === 0) wentMs = fromMs;
  }
  return sinceMs;
}
