/**
 * The two checks of a profile: the rules, and nothing else. The same as the service's `DiagnosticsService.CheckDriver`. Unknown is not a
 * violation: what we cannot know is said before what fails, and what is not required passes.
 */
export type Verdict = Readonly<{
  outcome: 'pass' | 'fail' | 'unknown';
  reason: VerdictReason | null;
}>;

export type VerdictReason =
  | 'not_required'
  | 'no_id'
  | 'id_rejected'
  | 'no_session'
  | 'session_ended'
  | 'profile_unknown'
  | 'person_unknown'
  | 'session_state_unknown'
  | 'data_too_old'
  | 'id_recheck'
  /** The checks are switched off here. */
  | 'suspended'
  /** The library itself failed; counted in its metrics. */
  | 'check_failed';

export type Verdicts = Readonly<{ deptransId: Verdict; session: Verdict }>;

/** How a binding stands, in the order of their numbers here. */
export const BINDING_STATES = ['unbound', 'bound', 'recheck', 'rejected'] as const;
export type BindingState = (typeof BINDING_STATES)[number];

/** The regulator's status of a shift, in the order of the contract's enum; null = no shift. */
export const SESSION_STATUSES = [
  null,
  'issued',
  'online',
  'finished',
  'finalized',
  'canceled',
  'unrecognised',
] as const;
export type SessionStatus = NonNullable<(typeof SESSION_STATUSES)[number]>;

const PASS: Verdict = Object.freeze({ outcome: 'pass', reason: null });

function said(outcome: Verdict['outcome'], reason: VerdictReason): Verdict {
  return Object.freeze({ outcome, reason });
}

function both(outcome: Verdict['outcome'], reason: VerdictReason): Verdicts {
  const verdict = said(outcome, reason);
  return Object.freeze({ deptransId: verdict, session: verdict });
}

/** What is said of both checks at once. */
export const DATA_TOO_OLD = both('unknown', 'data_too_old');
export const PROFILE_UNKNOWN = both('unknown', 'profile_unknown');
export const NOT_REQUIRED = both('pass', 'not_required');
export const PERSON_UNKNOWN = both('unknown', 'person_unknown');
export const SUSPENDED = both('unknown', 'suspended');
export const CHECK_FAILED = both('unknown', 'check_failed');

function judgeId(state: BindingState): Verdict {
  switch (state) {
    case 'unbound':
      return said('fail', 'no_id');
    case 'rejected':
      return said('fail', 'id_rejected');
    case 'recheck':
      return said('unknown', 'id_recheck');
    case 'bound':
      return PASS;
    default:
      return state satisfies never;
  }
}

function judgeSession(status: SessionStatus | null, isOver: boolean): Verdict {
  switch (status) {
    case null:
      return said('fail', 'no_session');
    case 'unrecognised':
      return said('unknown', 'session_state_unknown');
    case 'finished':
    case 'finalized':
    case 'canceled':
      return said('fail', 'session_ended');
    case 'issued':
      return isOver ? said('fail', 'session_ended') : said('unknown', 'session_state_unknown');
    case 'online':
      return isOver ? said('fail', 'session_ended') : PASS;
    default:
      return status satisfies never;
  }
}

/** A shift that went with the old licence is no violation while the id is checked again. */
function judgeBoth(state: BindingState, status: SessionStatus | null, isOver: boolean): Verdicts {
  const deptransId = judgeId(state);
  const session = judgeSession(status, isOver);
  const isPending = state === 'recheck' && session.outcome === 'fail';
  return Object.freeze({ deptransId, session: isPending ? deptransId : session });
}

/** Everything that two facts can lead to, made once, so that a check allocates no verdict. */
const JUDGED: readonly Verdicts[] = BINDING_STATES.flatMap((state) =>
  SESSION_STATUSES.flatMap((status) => [false, true].map((isOver) => judgeBoth(state, status, isOver))),
);

/** The verdicts about somebody whose person is known, where both checks are required. Numbers as in the lists above. */
export function judge(state: number, status: number, isOver: boolean): Verdicts {
  return JUDGED[(state * SESSION_STATUSES.length + status) * 2 + (isOver ? 1 : 0)]!;
}
