import type { Config } from '../../src/config.ts';
import { openDelivery } from '../../src/delivery/delivery.ts';
import { openMoscow } from '../../src/regulator/moscow.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { readBalance } from '../../src/store/balance.ts';
import { putRules } from '../../src/store/rules.ts';
import { openTokenStore } from '../../src/store/tokens.ts';
import { type Cost, costOf } from '../cost.ts';
import type { BenchDatabase } from '../database/bench-server.ts';
import { until } from '../until.ts';

/** In Moscow, where everybody of this benchmark is. */
const point = { lon: 37.6, lat: 55.75 };

/**
 * Delivers the `count` reports that a filled database asks for, to the regulator at `url`, and returns what that cost this process: from the
 * start of the loops until the last report is settled. Throws if the books do not balance afterwards.
 *
 * The service's own limits, but for the rate, which is not bounded.
 */
export async function deliverAll(
  { db, metrics }: BenchDatabase,
  url: string,
  { count, config, signal }: { count: number; config: Config; signal: AbortSignal },
): Promise<Cost> {
  const { limits } = config;
  const log = openLog('silent');
  const clock = systemClock;
  const lifetime = openLifetime();
  await putRules(db, config.regions);
  await using moscow = openMoscow({
    baseUrl: url,
    login: config.regulatorLogin,
    password: config.regulatorPassword,
    deadlineMs: limits.regulator.deadlineMs,
    connectTimeoutMs: limits.regulator.connectTimeoutMs,
    maxConnections: limits.delivery.maxInFlight,
    renewAfterMs: limits.regulator.renewAfterMs,
    capabilities: { ...limits.regulator, maxBatch: 1, maxRequestLifeMs: limits.delivery.quietMs },
    tokens: openTokenStore(db, 'moscow'),
    clock,
    timer: metrics.timer('regulator'),
  });
  await using delivery = openDelivery({
    db,
    regulator: moscow,
    trackstory: {
      positions: (drivers) =>
        Promise.resolve(
          drivers.map(({ parkId, driverId }) => ({ parkId, driverId, point, recordedAt: new Date(clock.now()) })),
        ),
    },
    personal: { licenceNumbers: () => Promise.resolve(new Map()) },
    limits: { ...limits.regulator, ...limits.delivery, maxRate: 1_000_000, startRate: 1_000_000 },
    slot: 'bench',
    instance: 'bench',
    journalKey: config.journalKey.reveal(),
    lifetime,
    clock,
    log,
    metrics,
  });
  const settled = metrics.counter('delivery_settled_total', 'Looks settled', ['end'] as const);
  const sent = async () => (await settled.get()).values.find(({ labels }) => labels.end === 'sent')?.value ?? 0;
  try {
    const cost = await costOf(() => {
      delivery.start();
      return until(async () => (await sent()) >= count, { everyMs: 10, signal });
    });
    await assertSettled(db, count);
    return cost;
  } finally {
    lifetime.abort();
  }
}

async function assertSettled(db: BenchDatabase['db'], count: number): Promise<void> {
  const { ended, difference } = await readBalance(db);
  const sent = ended.find(({ outcome }) => outcome === 'sent')?.n ?? 0;
  if (sent !== count || difference !== 0) {
    throw new Error(`${count} events, ${sent} of them sent, ${difference} unaccounted for.`);
  }
}
