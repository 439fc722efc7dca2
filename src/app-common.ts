import type { Config } from './config.ts';
import type { Clock } from './runtime/clock.ts';
import type { Lifetime } from './runtime/lifetime.ts';
import type { Log } from './runtime/log.ts';
import { type Metrics, openMetrics } from './runtime/metrics.ts';
import { openMetricsServer } from './runtime/metrics-server.ts';
import { type Db, openDatabase } from './store/database.ts';
import { migrate } from './store/migrate.ts';
import { putRules } from './store/rules.ts';

/** What the process gives the service. */
export type Surroundings = { lifetime: Lifetime; log: Log; clock: Clock };

/** What every part stands on. */
export type Common = Surroundings & { db: Db; instance: string; metrics: Metrics };

/** Opens it, owned by `stack`: metrics, and a database that is migrated and knows the regions of the configuration. */
export async function openCommon(stack: AsyncDisposableStack, config: Config, { lifetime, log, clock }: Surroundings) {
  const { instance } = config;
  const metrics = openMetrics(clock, { processMetrics: true });
  const metricsServer = stack.use(await openMetricsServer(metrics, config.host, config.metricsPort));
  const database = openDatabase({
    ...config.limits.database,
    url: config.databaseUrl.reveal(),
    applicationName: instance,
    log,
    timer: metrics.timer('store'),
  });
  const { db } = stack.use(database);
  await migrate(db);
  await putRules(db, config.regions);
  const common: Common = { db, instance, lifetime, clock, log, metrics };
  return { common, metricsPort: metricsServer.port };
}
