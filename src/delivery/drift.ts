import type { Clock } from '../runtime/clock.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Db } from '../store/database.ts';
import { verifyOne } from '../store/drift.ts';
import { lead, resign } from '../store/leaders.ts';

const LEADER = 'drift';
const DAY_MS = 86_400_000;

export type DriftParts = {
  db: Db;
  /** The regulator's name in the tables. */
  regulator: string;
  instance: string;
  /** Accounts compared a day. */
  perDay: number;
  clock: Clock;
  metrics: Metrics;
  /** Picks whom: 0 to 1. */
  random?: () => number;
};

/**
 * Compares a few accounts a day with what the regulator itself says, in no order that anybody chose: the proof that what we believe is true, also
 * where nothing ever told us otherwise. The reading itself is an ordinary one, at the pace of all others; what differs is mended by it, counted
 * and listed (`readDifferences`). Only at spare rate: while somebody waits nobody is compared, and what is missed then is made up for later.
 */
export type Drift = AsyncDisposable & {
  /** One round of a loop: one account is made due for comparison if its time has come and this instance leads. */
  round(): Promise<'idle'>;
};

export function openDrift({
  db,
  regulator,
  instance,
  perDay,
  clock,
  metrics,
  random = Math.random,
}: DriftParts): Drift {
  const compared = metrics.counter('delivery_compared_total', 'Accounts made due for a comparison with the regulator');
  const everyMs = DAY_MS / perDay;
  let doneMs = clock.monotonic(); // up to here as many were compared as should have been
  return {
    async round() {
      const now = clock.monotonic();
      if (now - doneMs < everyMs) return 'idle';
      if ((await lead(db, LEADER, instance, 2 * everyMs)) === null) doneMs = now;
      else if ((await verifyOne(db, regulator, random())) !== null) {
        doneMs = Math.max(doneMs + everyMs, now - DAY_MS);
        compared.inc();
      }
      return 'idle';
    },
    [Symbol.asyncDispose]: () => resign(db, LEADER, instance).catch(() => {}),
  };
}
