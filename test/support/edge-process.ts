import { openApi } from '../../src/api/api.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { openMetricsServer } from '../../src/runtime/metrics-server.ts';
import { fixedServices, WHOEVER_MAY } from './edge.ts';

/**
 * The edge over fixed services, alone in a process, so that its memory and its event loop are its own. A page of ids has 1,000 records. Prints
 * `{ url, metricsUrl }`; its argument is the limits of the listener as JSON.
 */
const limits = JSON.parse(process.argv[2] ?? '{}');
const metrics = openMetrics(systemClock, { processMetrics: true });
const metricsServer = await openMetricsServer(metrics, '127.0.0.1', 0);
const ids = Array.from({ length: 1_000 }, (_, no) => ({ parkId: `park-${no}`, driverId: `driver-${no}` }));
const services = fixedServices();
const listener = await openApi({
  services: { ...services, incrementalUpdates: { ...services.incrementalUpdates, listIdUpdates: () => ({ ids }) } },
  auth: WHOEVER_MAY,
  readiness: () => [],
  host: '127.0.0.1',
  port: 0,
  listenerLimits: limits,
  lifetime: openLifetime(),
  clock: systemClock,
  log: openLog('silent'),
  metrics,
});
process.once('SIGTERM', () => process.exit());
const metricsUrl = `http://127.0.0.1:${metricsServer.port}/metrics`;
process.stdout.write(`${JSON.stringify({ url: listener.url, metricsUrl })}\n`);
