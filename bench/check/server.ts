import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { PolicyInForceSchema } from '../../gen/deptrans/v1/policy_pb.ts';
import { openApi, type Services } from '../../src/api/api.ts';
import { openDiagnosticsService } from '../../src/api/diagnostics-service.ts';
import { openToAll } from '../../src/auth/auth.ts';
import { inForceOf } from '../../src/enforcement/enforcement.ts';
import { openFeed } from '../../src/feed/feed.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { openBenchDatabase } from '../database/bench-server.ts';
import { readShippedConfig } from '../service-config.ts';
import { until } from '../until.ts';

/**
 * A process that answers CheckDriver: `real` from a loaded feed by the policy, `empty` with an empty message, both behind the listener, the caller's
 * admission and the interceptors of the service, and both with the feed that is loaded and tails. Arguments: the database, which. Prints `{ url }`;
 * at SIGUSR2 a line `{ cpuMs }`; ends at SIGTERM.
 */
const [databaseUrl = '', which = 'real'] = process.argv.slice(2);
const clock = systemClock;
const log = openLog('silent');
const lifetime = openLifetime();
const metrics = openMetrics(clock);
const { db } = openBenchDatabase(databaseUrl, 4);
const feed = openFeed({ db, instance: which, lifetime, clock, log, metrics });
const { regions, texts } = readShippedConfig();
const policy = inForceOf(
  create(PolicyInForceSchema, {
    policy: { maxDataAge: durationFromMs(60_000) },
    regions: regions.map(({ id, on, tariffs }) => ({ region: id, on, tariffs: [...tariffs] })),
  }),
);
const real = openDiagnosticsService({ feed, inForce: () => policy, texts, clock });
const none = { driverId: {}, incrementalUpdates: {}, statusIngest: {}, operations: {}, policy: {} };
const listener = await openApi({
  services: {
    ...(none as Omit<Services, 'diagnostics'>),
    diagnostics: { ...real, explainDriver: () => ({}), ...(which === 'empty' && { checkDriver: () => ({}) }) },
  },
  auth: openToAll(),
  readiness: () => [],
  host: '127.0.0.1',
  port: 0,
  lifetime,
  clock,
  log,
  metrics,
});
await until(() => feed.notReady() === null, { everyMs: 20, signal: AbortSignal.timeout(60_000) });
process.on('SIGUSR2', () => {
  const { user, system } = process.cpuUsage();
  process.stdout.write(`${JSON.stringify({ cpuMs: (user + system) / 1_000 })}\n`);
});
process.once('SIGTERM', () => process.exit());
process.stdout.write(`${JSON.stringify({ url: listener.url })}\n`);
