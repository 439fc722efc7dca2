import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect, vi } from 'vitest';
import { DiagnosticsService } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { IncrementalUpdatesService } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { openService } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';

const PATIENCE = { timeout: 120_000, interval: 20 };
const NOBODY = 'http://127.0.0.1:1';

export type WholeOptions = { maxDataAgeMs: number; port?: number; clock?: Clock };

/** The whole service in this process, with what answers; nobody else is there. */
export async function openWholeService(
  databaseUrl: string,
  { maxDataAgeMs, port = 0, clock = systemClock }: WholeOptions,
) {
  const config = readConfig({
    AUTH: 'open',
    DATABASE_URL: databaseUrl,
    PARTS: 'feed,api',
    PORT: String(port),
    METRICS_PORT: '0',
    REGULATOR_URL: NOBODY,
    REGULATOR_LOGIN: 'service',
    REGULATOR_PASSWORD: 'secret',
    JOURNAL_KEY: 'a-key-of-sixteen-characters',
    DRIVER_PROFILES_URL: NOBODY,
    DRIVER_CATEGORIES_URL: NOBODY,
    DRIVER_TRACKSTORY_URL: NOBODY,
    PERSONAL_URL: NOBODY,
    DEPTRANS_FEED_HEARTBEAT_MS: '50',
    DEPTRANS_FEED_MAX_DATA_AGE_MS: String(maxDataAgeMs),
  });
  const lifetime = openLifetime();
  const service = await openService(config, { lifetime, log: openLog('silent'), clock });
  await vi.waitFor(() => expect(service.readiness()).toEqual([]), PATIENCE);
  const transport = createGrpcTransport({ baseUrl: service.url! });
  return {
    url: service.url!,
    readiness: () => service.readiness(),
    updates: createClient(IncrementalUpdatesService, transport),
    diagnostics: createClient(DiagnosticsService, transport),
    async [Symbol.asyncDispose]() {
      lifetime.abort();
      await service[Symbol.asyncDispose]();
    },
  };
}
