import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { type Db, inTransaction } from '../store/database.ts';
import { acceptHistory } from '../store/failover.ts';

export type FailoverWatchLimits = {
  /** How far a standby may be behind when it takes over; 0: not at all, it is synchronous. */
  failoverLagMs: number;
  /** How long after it those are doubted who are woken for the first time. */
  failoverDoubtMs: number;
  deadlineMs: number;
  slackMs: number;
  quietMs: number;
};

/**
 * Watches for a database that failed over. Its standby may have lagged: then intents were lost, and calls were made that nobody here knows of. Once
 * for each failover, by whichever instance comes first, in one transaction, such accounts are marked; until then the database lets nobody claim
 * (`deptrans.may_claim`). Returns one round of a loop.
 */
export function openFailoverWatch(
  db: Db,
  { limits, log, metrics }: { limits: FailoverWatchLimits; log: Log; metrics: Metrics },
): () => Promise<'idle'> {
  const failovers = metrics.counter(
    'delivery_failovers_total',
    'Failovers of the database that this instance dealt with',
  );
  const callMs = limits.deadlineMs + limits.slackMs + limits.quietMs;
  return async () => {
    const marked = await inTransaction(db, (tx) => acceptHistory(tx, { ...limits, callMs }));
    if (marked !== null) {
      failovers.inc();
      log.warn({ marked }, 'the database failed over: calls may have been lost, their accounts are looked at again');
    }
    return 'idle';
  };
}
