import type { Config } from '../../src/config.ts';
import { type Delivery, openDelivery } from '../../src/delivery/delivery.ts';
import { openMoscow } from '../../src/regulator/moscow.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import type { Metrics } from '../../src/runtime/metrics.ts';
import type { Db } from '../../src/store/database.ts';
import { putRules } from '../../src/store/rules.ts';
import { openTokenStore } from '../../src/store/tokens.ts';

/** In Moscow, where everybody of this benchmark is. */
const point = { lon: 37.6, lat: 55.75 };

/**
 * The service's delivery over `db`, not started, to the regulator at `url`: with the service's own limits, but for the rate, which is not bounded,
 * and one report in a call. Positions come from memory. Disposing it drops what is in flight.
 */
export async function openBenchDelivery(
  { db, metrics }: { db: Db; metrics: Metrics },
  url: string,
  { config, instance }: { config: Config; instance: string },
): Promise<Pick<Delivery, 'start'> & AsyncDisposable> {
  const { limits } = config;
  const clock = systemClock;
  const lifetime = openLifetime();
  await putRules(db, config.regions);
  await using stack = new AsyncDisposableStack();
  const regulator = stack.use(
    openMoscow({
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
    }),
  );
  const delivery = stack.use(
    openDelivery({
      db,
      regulator,
      trackstory: {
        positions: (drivers) =>
          Promise.resolve(
            drivers.map(({ parkId, driverId }) => ({ parkId, driverId, point, recordedAt: new Date(clock.now()) })),
          ),
      },
      personal: { licenceNumbers: () => Promise.resolve(new Map()) },
      limits: { ...limits.regulator, ...limits.delivery, maxRate: 1_000_000, startRate: 1_000_000 },
      slot: instance,
      instance,
      journalKey: config.journalKey.reveal(),
      lifetime,
      clock,
      log: openLog('silent'),
      metrics,
    }),
  );
  stack.defer(() => lifetime.abort());
  const owned = stack.move();
  return { start: () => delivery.start(), [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
