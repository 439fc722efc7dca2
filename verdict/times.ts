import type { Facts } from './facts.ts';
import type { Verdict } from './verdict.ts';

/** Since when the facts behind a verdict are so, and when it turns by itself; ms since 1970, null where that is not known or plays no part. */
export type Times = { since: number | null; until: number | null };

export function timesOf(verdict: Verdict, facts: Facts | null): Times {
  if (!facts) return NEVER;
  switch (verdict.reason) {
    case 'not_required':
    case 'profile_unknown':
    case 'person_unknown':
    case 'data_too_old':
    case 'suspended':
    case 'check_failed':
      return NEVER;
    default:
      return verdict.check === 'deptrans_id'
        ? { since: facts.bindingUpdatedAt, until: null }
        : shiftTimes(verdict, facts);
  }
}

const NEVER: Times = { since: null, until: null };

function shiftTimes({ outcome, reason }: Verdict, facts: Facts): Times {
  const { session, sessionUpdatedAt: updatedAt, sessionEndedAt: endedAt } = facts;
  // A shift that should have ended by now is over since its end, not since we heard of it last.
  const isOverByClock = reason === 'session_ended' && (session === 'online' || session === 'issued');
  return { since: isOverByClock ? endedAt : updatedAt, until: outcome === 'pass' ? endedAt : null };
}
