import type { BindingState, Reason, SessionStatus } from './words.ts';

/** Where a shift stands by the clock. */
export type Phase = 'running' | 'ending' | 'over';

/** What the facts say of the check DEPTRANS_ID, whatever a failure does. */
export function judgeId(state: BindingState): Reason {
  switch (state) {
    case 'unbound':
      return 'no_id';
    case 'bound':
      return 'ok';
    case 'recheck':
      return 'id_recheck';
    case 'rejected':
      return 'id_rejected';
    default:
      return state satisfies never;
  }
}

/** What the facts say of the check SESSION, whatever a failure does. */
export function judgeSession(state: BindingState, status: SessionStatus | null, phase: Phase): Reason {
  const reason = judgeShift(status, phase);
  // A shift that went with the old licence is no violation while nobody knows whether the id comes along.
  const isOut = reason === 'no_session' || reason === 'session_ended';
  return state === 'recheck' && isOut ? 'id_recheck' : reason;
}

/** `endsSoonMs` 0: no shift is said to end soon. */
export function phaseOf(endedAt: number | null, now: number, endsSoonMs: number): Phase {
  if (endedAt === null) return 'running';
  if (endedAt <= now) return 'over';
  return endedAt - now <= endsSoonMs ? 'ending' : 'running';
}

function judgeShift(status: SessionStatus | null, phase: Phase): Reason {
  switch (status) {
    case null:
      return 'no_session';
    case 'finished':
    case 'finalized':
    case 'canceled':
      return 'session_ended';
    case 'unrecognised':
      return 'session_state_unknown';
    case 'issued':
      // The regulator took the report and has not said that the shift is on: it is read again in a moment.
      return phase === 'over' ? 'session_ended' : 'session_state_unknown';
    case 'online':
      return phase === 'over' ? 'session_ended' : phase === 'ending' ? 'session_ends_soon' : 'ok';
    default:
      return status satisfies never;
  }
}
