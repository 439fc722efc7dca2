import type { RefusalReason } from '../domain/driver-status.ts';
import type { RejectReason } from '../domain/outcome.ts';
import type { FilteredReason, WaitReason } from '../domain/plan.ts';
import type { BalanceOutcome, RowWaitReason } from '../store/balance.ts';

/**
 * Every reason word that the service uses, each with a sentence for people. The compiler keeps the tables complete, and a test that each word
 * stands in docs/operating.md with what to do about it.
 */

/** Why something waits. */
export const PENDING_WORDS = {
  queued: 'The change is in the queue and is looked at next.',
  no_person: 'driver-profiles has not said yet whose profile this is.',
  no_position: 'The driver is connected, but driver-trackstory has no fresh position.',
  parked: 'The account was parked and is about to be looked at again.',
  throttled: 'The regulator asked for a pause.',
  unauthorised: 'There is no valid token: the regulator refused the login or did not answer it.',
  regulator_down: 'The regulator does not answer.',
  unknown_outcome: 'A report was sent and its outcome is not known; it is found out after the quiet time.',
  reading_failed: 'The regulator could not be read to end a doubt.',
  close_refused: 'The regulator refused a disconnection; it is repeated for ever.',
} as const satisfies Record<WaitReason | RowWaitReason, string>;

/** Why a connected driver is not reported. */
export const FILTERED_WORDS = {
  no_person: 'Nobody said whose profile this is for as long as an event may wait.',
  no_id: 'The driver has no government id.',
  tariff: 'The driver works by no tariff that a region lists.',
  region_off: 'No region is switched on.',
  outside: 'The driver was outside every region when last looked at.',
  driver_unknown: 'The regulator does not know the id, so there is nothing to close.',
} as const satisfies Record<FilteredReason, string>;

/** Why an account is parked. */
export const PARKED_WORDS = {
  driver_unknown: 'The regulator does not know the id.',
  driver_blocked: 'The regulator has blocked the driver.',
  refused: 'The regulator refused the connection without a reason that we know.',
} as const satisfies Record<RejectReason, string>;

/** How events end. */
export const OUTCOME_WORDS = {
  sent: 'The regulator accepted a report for it.',
  merged: 'A newer event of the same profile took its place before it was looked at.',
  no_change: 'The regulator already knew.',
  filtered: 'It was no reason to tell the regulator anything.',
  expired: 'It was older than a day when it left the queue.',
  quarantined: 'It could not be taken.',
  duplicate: 'It was known already.',
  outdated: 'Something newer was known of the profile.',
} as const satisfies Record<BalanceOutcome, string>;

/** Why an event is in quarantine. */
export const QUARANTINED_WORDS = {
  UNREADABLE: 'The bytes are neither JSON nor the message of the contract.',
  BAD_KEY: 'There is no park or no driver in it, or they are too long or not printable.',
  BAD_STATUS: 'Nobody knows its status.',
  BAD_TIME: 'It has no time.',
  TIME_IN_FUTURE: 'Its time lies more than a minute ahead.',
  TIME_TOO_OLD: 'It is older than seven days.',
  TOO_LARGE: 'It is longer than 64 KiB.',
} as const satisfies Record<RefusalReason, string>;

/** The sentence for a reason as the database has it; the bare word if an older version wrote one that is not used any more. */
export function sentenceFor(words: Readonly<Record<string, string>>, reason: string): string {
  return Object.hasOwn(words, reason) ? words[reason]! : `Reason: ${reason}.`;
}
