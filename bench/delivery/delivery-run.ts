import type { Config } from '../../src/config.ts';
import { readBalance } from '../../src/store/balance.ts';
import { type Cost, costOf } from '../cost.ts';
import type { BenchDatabase } from '../database/bench-server.ts';
import { until } from '../until.ts';
import { openBenchDelivery } from './open-delivery.ts';

/**
 * Delivers the `count` reports that a filled database asks for, to the regulator at `url`, and returns what that cost this process: from the
 * start of the loops until the last report is settled. Throws if the books do not balance afterwards.
 */
export async function deliverAll(
  database: BenchDatabase,
  url: string,
  { count, config, signal }: { count: number; config: Config; signal: AbortSignal },
): Promise<Cost> {
  await using delivery = await openBenchDelivery(database, url, { config, instance: 'bench' });
  const settled = database.metrics.counter('delivery_settled_total', 'Looks settled', ['end'] as const);
  const sent = async () => (await settled.get()).values.find(({ labels }) => labels.end === 'sent')?.value ?? 0;
  const cost = await costOf(() => {
    delivery.start();
    return until(async () => (await sent()) >= count, { everyMs: 50, signal });
  });
  await assertSettled(database.db, count);
  return cost;
}

/** Throws if not every one of `count` events ended as sent. */
export async function assertSettled(db: BenchDatabase['db'], count: number): Promise<void> {
  const { ended, difference } = await readBalance(db);
  const sent = ended.find(({ outcome }) => outcome === 'sent')?.n ?? 0;
  if (sent !== count || difference !== 0) {
    throw new Error(`${count} events, ${sent} of them sent, ${difference} unaccounted for.`);
  }
}
