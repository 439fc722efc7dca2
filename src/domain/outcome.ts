/**
 * What became of a call to the regulator. Expected answers of every kind are values; only bugs are errors.
 *
 * `accepted`, `already`: it took effect, now or earlier. `rejected`, `throttled`, `unauthorised`, `unavailable`: it surely did not.
 * `unknown`: it may have.
 */
export type Outcome<T> =
  | { kind: 'accepted'; value: T }
  | { kind: 'already' }
  | { kind: 'rejected'; reason: RejectReason }
  | { kind: 'throttled'; retryAfterMs: number }
  | { kind: 'unauthorised' }
  | { kind: 'unavailable' }
  | { kind: 'unknown'; reason: UnknownReason };

/** A refusal for good: repeating the same call cannot help until its cause changes. */
export type RejectReason = 'driver_unknown' | 'driver_blocked' | 'refused';

/** Why the effect of a call is unknown. */
export type UnknownReason =
  | 'timeout'
  | 'connection_lost'
  | 'server_error'
  | 'unreadable'
  | 'too_large'
  | 'unexpected_status'
  | 'unrecognised_error'
  | 'left_out'
  | 'another_driver'
  | 'cut_off';

/** Whether the call may have taken effect. */
export function mayHaveTakenEffect(outcome: Outcome<unknown>): boolean {
  return outcome.kind === 'accepted' || outcome.kind === 'already' || outcome.kind === 'unknown';
}
