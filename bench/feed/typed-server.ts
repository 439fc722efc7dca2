import { openApi, type Services } from '../../src/api/api.ts';
import { openIncrementalUpdatesService } from '../../src/api/incremental-updates-service.ts';
import { openToAll } from '../../src/auth/auth.ts';
import { openFeed } from '../../src/feed/feed.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { openMetricsServer } from '../../src/runtime/metrics-server.ts';
import { openDatabase } from '../../src/store/database.ts';
import { until } from '../until.ts';

/**
 * What the feed is compared with, a process of its own: the same feed behind the same API, but for the frames, so that each frame is decoded
 * and encoded again for each subscriber. Argument: the database. Prints `{ url, metricsUrl }` when it has loaded; ends at SIGTERM.
 */
const [url = ''] = process.argv.slice(2);
const clock = systemClock;
const log = openLog('silent');
const lifetime = openLifetime();
const metrics = openMetrics(clock, { processMetrics: true });
const metricsServer = await openMetricsServer(metrics, '127.0.0.1', 0);
const { db } = openDatabase({
  url,
  maxConnections: 20,
  statementTimeoutMs: 20_000,
  connectTimeoutMs: 5_000,
  applicationName: 'bench-typed',
  log,
  timer: metrics.timer('store'),
});
const feed = openFeed({ db, instance: 'typed', lifetime, clock, log, metrics });
const none = { driverId: {}, diagnostics: {}, statusIngest: {}, operations: {}, policy: {}, supply: {} } as Omit<
  Services,
  'incrementalUpdates'
>;
const listener = await openApi({
  services: { ...(none as Services), incrementalUpdates: openIncrementalUpdatesService({ feed, regions: [] }) },
  auth: openToAll(),
  readiness: () => [],
  host: '127.0.0.1',
  port: 0,
  lifetime,
  clock,
  log,
  metrics,
});
process.once('SIGTERM', () => process.exit());
await until(() => feed.notReady() === null, { everyMs: 20, signal: AbortSignal.timeout(120_000) });
process.stdout.write(
  `${JSON.stringify({ url: listener.url, metricsUrl: `http://127.0.0.1:${metricsServer.port}/metrics` })}\n`,
);
