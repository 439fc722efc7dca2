import { desiredLevel, type EligibilityLimits } from '../domain/eligibility.ts';
import type { AccountFacts, DriverFacts } from '../store/operations-explain.ts';
import { describeFacts } from './explanation-details.ts';
import { FILTERED_WORDS, PARKED_WORDS, PENDING_WORDS, sentenceFor } from './reason-words.ts';

/**
 * Why a driver is or is not reported, by what is recorded. Judges by the same pure function as delivery, but asks nobody for a position: what
 * hangs on one is told by what the last look found. Says what is true of the person's account, since that is what is reported; the
 * profile asked about may be one of several.
 */
export type Explanation = {
  standing: Standing;
  /** A word of the tables of reasons, or empty. */
  reason: string;
  summary: string;
  /** A sentence each. */
  details: string[];
};

export type Standing = 'unknown' | 'settled' | 'pending' | 'filtered' | 'parked';

type Verdict = Omit<Explanation, 'details'>;

export function explain(facts: DriverFacts, limits: EligibilityLimits): Explanation {
  return { ...judge(facts, limits), details: describeFacts(facts) };
}

function judge(facts: DriverFacts, limits: EligibilityLimits): Verdict {
  const { status, profile, account, mirrorComplete } = facts;
  if (!status && !profile) {
    return {
      standing: 'unknown',
      reason: '',
      summary: 'Neither the topic nor driver-profiles ever named this profile.',
    };
  }
  if (account) return judgeAccount(facts, account, limits);
  if (facts.row && !profile?.hasPerson) return pending('no_person');
  if (!status || status.status === 'offline') return settled('The driver is off line and has no account.');
  if (profile?.hasPerson) return filtered('no_id');
  return mirrorComplete ? filtered('no_person') : pending('no_person');
}

function judgeAccount({ rules, row }: DriverFacts, facts: AccountFacts, limits: EligibilityLimits): Verdict {
  const { look, waitReason, watched } = facts;
  const { account } = look;
  const desired = desiredLevel(look, rules, NO_POSITIONS, limits);
  if (account.parkedReason !== null && desired.kind !== 'disconnected') return parked(account.parkedReason);
  if (waitReason !== null) return pending(waitReason);
  if (account.doubt) return pending('unknown_outcome');
  if (facts.leased || row) return pending('queued');
  if (desired.kind === 'disconnected') {
    if (account.believed) return pending('queued');
    const { reason } = desired;
    return reason === 'offline' || reason === 'silent' ? settled(AWAY[reason]) : filtered(reason);
  }
  if (account.believed) {
    return account.sessionOverAt
      ? settled('The driver was reported as connected, and the regulator has ended the shift since.')
      : settled('The driver is connected, and the regulator knows.');
  }
  return watched ? filtered('outside') : pending('no_position');
}

const NO_POSITIONS = new Map();

const AWAY = {
  offline: 'No profile of the person is on line, and the regulator knows.',
  silent: 'The app has been silent for so long that it counts as off line, and the regulator knows.',
} as const;

const settled = (summary: string): Verdict => ({ standing: 'settled', reason: '', summary });
const pending = (reason: string): Verdict => told('pending', reason, PENDING_WORDS);
const filtered = (reason: keyof typeof FILTERED_WORDS): Verdict => told('filtered', reason, FILTERED_WORDS);
const parked = (reason: string): Verdict => told('parked', reason, PARKED_WORDS);

function told(standing: Standing, reason: string, words: Readonly<Record<string, string>>): Verdict {
  return { standing, reason, summary: sentenceFor(words, reason) };
}
