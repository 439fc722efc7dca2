import { judgeId, judgeSession, type Phase } from '../verdict/judge-facts.ts';
import {
  BINDING_STATES,
  type BindingState,
  OUTCOME_OF,
  type Outcome,
  type Reason,
  SESSION_STATUSES,
  type SessionStatus,
} from '../verdict/words.ts';

export { BINDING_STATES, type BindingState, SESSION_STATUSES, type SessionStatus };

/**
 * The two checks of a profile: the rules, and nothing else. The same as the service's `DiagnosticsService.CheckDriver`. Unknown is not a
 * violation: what we cannot know is said before what fails, and what is not required passes.
 */
export type Verdict = Readonly<{
  outcome: Outcome;
  reason: VerdictReason | null;
}>;

export type VerdictReason = Exclude<Reason, 'ok'>;

export type Verdicts = Readonly<{ deptransId: Verdict; session: Verdict }>;

const PASS: Verdict = Object.freeze({ outcome: 'pass', reason: null });

function said(reason: Reason): Verdict {
  return reason === 'ok' ? PASS : Object.freeze({ outcome: OUTCOME_OF[reason], reason });
}

function both(reason: Reason): Verdicts {
  const verdict = said(reason);
  return Object.freeze({ deptransId: verdict, session: verdict });
}

function judgeFacts(state: BindingState, status: SessionStatus | null, phase: Phase): Verdicts {
  return Object.freeze({ deptransId: said(judgeId(state)), session: said(judgeSession(state, status, phase)) });
}

/** What is said of both checks at once. */
export const DATA_TOO_OLD = both('data_too_old');
export const PROFILE_UNKNOWN = both('profile_unknown');
export const NOT_REQUIRED = both('not_required');
export const PERSON_UNKNOWN = both('person_unknown');
export const SUSPENDED = both('suspended');
export const CHECK_FAILED = both('check_failed');

/** Everything that two facts can lead to, made once, so that a check allocates no verdict. */
const JUDGED: readonly Verdicts[] = BINDING_STATES.flatMap((state) =>
  SESSION_STATUSES.flatMap((status) =>
    [false, true].map((isOver) => judgeFacts(state, status, isOver ? 'over' : 'running')),
  ),
);

/** The verdicts about somebody whose person is known, where both checks are required. Numbers as in the lists above. */
export function judge(state: number, status: number, isOver: boolean): Verdicts {
  return JUDGED[(state * SESSION_STATUSES.length + status) * 2 + (isOver ? 1 : 0)]!;
}
