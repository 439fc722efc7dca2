import { createHmac } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Db } from '../store/database.ts';
import { type Budget, giveAttemptBack, takeAttempt } from '../store/id-attempts.ts';
import { readWithin } from './database-deadline.ts';
import { refuse } from './errors.ts';

/** A budget of `attempts`, and one more each `stepMs`. */
export type GuessLimits = {
  personAttempts: number;
  personStepMs: number;
  addressAttempts: number;
  addressStepMs: number;
  serviceAttempts: number;
  serviceStepMs: number;
};

export type GuessOptions = {
  db: Db;
  limits: GuessLimits;
  /** Under which people and addresses are hashed. */
  hashKey: string;
  readTimeoutMs: number;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

/**
 * How an attempt came out: the id is of the licence; it is not; nobody could say. What told nothing costs nothing. What succeeded costs the person an
 * attempt like any other, and neither the address nor the service, where many share a budget.
 */
export type AttemptEnd = 'matched' | 'mismatched' | 'unanswered';

export type Guesses = {
  /** Takes an attempt before the regulator is asked. Refuses with TOO_MANY_ATTEMPTS. The result must be told how it came out. */
  take(
    person: string,
    address: string | null,
    signal: AbortSignal,
  ): Promise<{ end(how: AttemptEnd, signal: AbortSignal): Promise<void> }>;
};

const ALARM_EVERY_MS = 60_000;

/**
 * Limits how often ids are tried: the check of an id against a licence would tell whoever asks often enough which ids there are. The budgets are in the
 * database, so all instances have them in common, and nothing but time fills them again. A budget that is empty is counted, and logged once a minute.
 */
export function openGuesses(options: GuessOptions): Guesses {
  const { db, limits, hashKey, readTimeoutMs, clock, metrics } = options;
  const log = options.log.child({ part: 'api' });
  const ends = metrics.counter('id_attempts_total', 'Attempts at ids, by how they came out', ['result'] as const);
  for (const result of ['matched', 'mismatched', 'unanswered', 'limit_person', 'limit_address', 'limit_service'])
    ends.inc({ result }, 0);
  let alarmedMs = Number.NEGATIVE_INFINITY;

  const alarm = (limit: string) => {
    ends.inc({ result: `limit_${limit}` });
    if (clock.monotonic() - alarmedMs < ALARM_EVERY_MS) return;
    alarmedMs = clock.monotonic();
    log.warn({ limit }, 'ids are tried too often: somebody may be guessing');
  };

  const hash = (scope: string, value: string) =>
    createHmac('sha256', hashKey).update(`attempts ${scope} ${value}`).digest().subarray(0, 16);

  const budgetsOf = (person: string, address: string | null): Budget[] => {
    const one = (scope: Budget['scope'], value: string | null): Budget[] =>
      value === null
        ? []
        : [{ scope, key: hash(scope, value), size: limits[`${scope}Attempts`], stepMs: limits[`${scope}StepMs`] }];
    return [...one('person', person), ...one('address', address), ...one('service', '')];
  };

  /** An attempt that came after its caller had stopped waiting told nothing: a slow database must not use up what a driver may try. */
  const giveBackLate = async (taking: ReturnType<typeof takeAttempt>, budgets: readonly Budget[]): Promise<void> => {
    try {
      if ((await taking) === null) await giveAttemptBack(db, budgets);
    } catch {
      // None was taken, or nobody can say: then the driver has one attempt less.
    }
  };

  return {
    async take(person, address, signal) {
      const budgets = budgetsOf(person, address);
      const taking = takeAttempt(db, budgets);
      const empty = await readWithin(readTimeoutMs, signal, taking).catch((error: unknown) => {
        void giveBackLate(taking, budgets);
        throw error;
      });
      if (empty) {
        alarm(empty.refused);
        throw refuse('TOO_MANY_ATTEMPTS', { retryAfterMs: Math.max(1_000, empty.waitMs) });
      }
      return {
        async end(how, ending) {
          ends.inc({ result: how });
          if (how === 'mismatched') return;
          const back = how === 'matched' ? budgets.filter(({ scope }) => scope !== 'person') : budgets;
          // Whoever cannot have it back has one attempt less: no reason for another answer.
          await readWithin(readTimeoutMs, ending, giveAttemptBack(db, back)).catch(() => {});
        },
      };
    },
  };
}
