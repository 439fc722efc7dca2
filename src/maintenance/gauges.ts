import type { Metrics } from '../runtime/metrics.ts';
import { readBalance } from '../store/balance.ts';
import type { Db } from '../store/database.ts';
import { countLicenceChanges } from '../store/licence-changes.ts';
import { readOldestPendingMs } from '../store/pending.ts';

/** Gauges of the whole cluster, shown by the one instance that reads them; the others show none. */
export type Gauges = {
  read(): Promise<void>;
  clear(): void;
};

export function openGauges(db: Db, metrics: Metrics): Gauges {
  const taken = metrics.gauge('balance_taken', 'Events taken in, ever');
  const ended = metrics.gauge('balance_ended', 'Events by where they ended, ever', ['outcome', 'reason'] as const);
  const waiting = metrics.gauge('balance_waiting', 'Events waiting now, by reason', ['state', 'reason'] as const);
  const difference = metrics.gauge('balance_difference', 'Events unaccounted for; anything but 0 is a bug');
  const oldest = metrics.gauge(
    'oldest_pending_seconds',
    'Age of the oldest change that still waits, parked ones apart',
  );
  const licences = metrics.gauge('licence_changes_waiting', 'Ids to be checked again after a change of licence');
  const all = [taken, ended, waiting, difference, oldest, licences];

  return {
    async read() {
      const balance = await readBalance(db);
      const oldestMs = await readOldestPendingMs(db);
      const changes = await countLicenceChanges(db);
      for (const gauge of [ended, waiting]) gauge.reset();
      taken.set(balance.taken);
      for (const { outcome, reason, n } of balance.ended) ended.set({ outcome, reason }, n);
      for (const { parked, reason, n } of balance.waiting)
        waiting.set({ state: parked ? 'parked' : 'pending', reason }, n);
      difference.set(balance.difference);
      oldest.set(oldestMs / 1_000);
      licences.set(changes);
    },
    clear() {
      for (const gauge of all) gauge.reset();
    },
  };
}
