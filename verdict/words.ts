/** The words that facts, policies and verdicts are made of. Lists are in the order of the contract's enums; nothing else depends on their order. */

/** The two filters. */
export const CHECKS = ['deptrans_id', 'session'] as const;
export type Check = (typeof CHECKS)[number];

/** How a binding stands. */
export const BINDING_STATES = ['unbound', 'bound', 'recheck', 'rejected'] as const;
export type BindingState = (typeof BINDING_STATES)[number];

/** The regulator's status of a shift; null: there is none. */
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

/** What a failing check does, from the mildest to the strictest. */
export const MODES = ['off', 'observe', 'warn', 'deprioritise', 'block'] as const;
export type Mode = (typeof MODES)[number];

export type Outcome = 'pass' | 'fail' | 'unknown';

/** Each reason has one outcome. `ok` is a plain pass. */
export const OUTCOME_OF = {
  ok: 'pass',
  /** Outside every region that is on, a tariff that is not listed, or a check that is off there. */
  not_required: 'pass',
  no_id: 'fail',
  id_rejected: 'fail',
  no_session: 'fail',
  session_ended: 'fail',
  profile_unknown: 'unknown',
  person_unknown: 'unknown',
  session_state_unknown: 'unknown',
  data_too_old: 'unknown',
  id_recheck: 'unknown',
  /** The shift is on and ends within the time that the policy calls soon. */
  session_ends_soon: 'pass',
  /** Everything is switched off. */
  suspended: 'unknown',
  /** Whoever judges failed at it. */
  check_failed: 'unknown',
} as const satisfies Record<string, Outcome>;
export type Reason = keyof typeof OUTCOME_OF;
export const REASONS = Object.keys(OUTCOME_OF) as readonly Reason[];
