import type { Personal } from '../clients/personal.ts';
import type { Regulator } from '../regulator/regulator.ts';
import { backoffMs } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { CheckedBinding } from '../store/bindings.ts';
import { type Db, inTransaction } from '../store/database.ts';
import { lead, resign } from '../store/leaders.ts';
import {
  endMatched,
  endObsolete,
  endRefused,
  isRecheckDue,
  type LicenceChange,
  postponeRecheck,
  readRecheck,
  takeLicenceChange,
} from '../store/rechecks.ts';
import type { Pace } from './pace.ts';
import { NoTurn } from './pace-call.ts';

/**
 * Asks the regulator by itself whether the id of a person fits the licence that the same driver seems to have now (see `store/licence-changes`), and
 * moves the id if it does, by the rules of an id that a driver set.
 *
 * Guarantees: one question at a time for the whole cluster, within the allowed rate, none while reports wait or the regulator is away; nothing moves
 * without the regulator's word of that moment; what changed during a question is asked about again; who dies with a question in hand leaves it to
 * others. Without an answer it is asked again ever more rarely.
 */
export type Recheck = AsyncDisposable & {
  /** One question. `'more'`: there may be another. */
  round(signal: AbortSignal): Promise<'more' | 'idle'>;
};

export type RecheckLimits = {
  /** First and longest pause before a question is asked again. */
  retryMs: number;
  maxRetryMs: number;
  maxRetryAfterMs: number;
  /** So long a question waits for its turn. */
  slackMs: number;
};

export type RecheckParts = {
  db: Db;
  regulator: Pick<Regulator, 'name' | 'checkId'>;
  personal: Pick<Personal, 'licenceNumbers'>;
  pace: Pick<Pace, 'call'>;
  limits: RecheckLimits;
  instance: string;
  journalKey: string;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

const LEADER = 'recheck';
const LEADER_MS = 60_000;
/** Longer than a question takes, with the licence and the wait for a turn. */
const IN_HAND_MS = 30_000;
/** Reports that are due for longer wait: there is no rate to spare. */
const IDLE_MS = 1_000;
const LOCK_TIMEOUT_MS = 5_000;
const CHANGED_MS = 1_000;
const LEAST_PAUSE_MS = 5_000;

type Word = 'matches' | 'differs' | { pauseMs: number };

export function openRecheck(parts: RecheckParts): Recheck {
  const { db, regulator, personal, pace, limits, instance, journalKey, clock, log, metrics } = parts;
  const ended = metrics.counter('delivery_rechecks_total', 'Ids checked again after a change of licence', [
    'end',
  ] as const);
  const take = { leaseMs: IN_HAND_MS, regulator: regulator.name, idleMs: IDLE_MS };
  const save = { journalKey, lockTimeoutMs: LOCK_TIMEOUT_MS };

  const ask = async (change: LicenceChange, checked: CheckedBinding, signal: AbortSignal): Promise<Word> => {
    const later = { pauseMs: backoffMs(change.attempts, { baseMs: limits.retryMs, maxMs: limits.maxRetryMs }) };
    const licences = await personal.licenceNumbers([change.person], signal).catch(() => undefined);
    const licence = licences?.get(change.person);
    if (!licence) return later;
    const made = await pace.call(
      { startBy: clock.monotonic() + limits.slackMs, signal },
      () => regulator.checkId(checked.deptransId, licence, signal),
      (outcome) => outcome,
    );
    const outcome = made instanceof NoTurn ? made.outcome : made;
    switch (outcome.kind) {
      case 'accepted':
        return outcome.value.matches ? 'matches' : 'differs';
      case 'rejected':
        return 'differs';
      case 'throttled':
        return { pauseMs: Math.max(LEAST_PAUSE_MS, Math.min(outcome.retryAfterMs, limits.maxRetryAfterMs)) };
      // "Already so" is no answer to a question.
      case 'already':
      case 'unauthorised':
      case 'unavailable':
      case 'unknown':
        return later;
      default:
        return outcome satisfies never;
    }
  };

  const settle = async (change: LicenceChange, signal: AbortSignal): Promise<string> => {
    const checked = await readRecheck(db, change);
    const word = checked && (await ask(change, checked, signal));
    if (signal.aborted) return 'cut_off';
    if (typeof word === 'object' && word !== null) {
      await postponeRecheck(db, change, word.pauseMs);
      return 'later';
    }
    const end = await inTransaction(db, (tx) => {
      if (!checked) return endObsolete(tx, change);
      return word === 'matches' ? endMatched(tx, change, checked, save) : endRefused(tx, change, checked, save);
    });
    if (end === null) await postponeRecheck(db, change, CHANGED_MS);
    return end ?? 'changed';
  };

  return {
    async round(signal) {
      if (!(await isRecheckDue(db))) return 'idle';
      if ((await lead(db, LEADER, instance, LEADER_MS)) === null) return 'idle';
      const change = await takeLicenceChange(db, take);
      if (!change) return 'idle';
      const end = await settle(change, signal);
      ended.inc({ end });
      log.info({ end, attempts: change.attempts }, 'an id was checked again after a change of licence');
      return 'more';
    },
    [Symbol.asyncDispose]: () => resign(db, LEADER, instance).catch(() => {}),
  };
}
