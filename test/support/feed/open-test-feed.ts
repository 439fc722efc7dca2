import { expect, vi } from 'vitest';
import { type Feed, type FeedOptions, openFeed } from '../../../src/feed/feed.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { openLifetime } from '../../../src/runtime/lifetime.ts';
import { openLog } from '../../../src/runtime/log.ts';
import { type Metrics, openMetrics } from '../../../src/runtime/metrics.ts';
import type { Db } from '../../../src/store/database.ts';

export type TestFeed = Feed & { readonly lifetime: ReturnType<typeof openLifetime>; readonly metrics: Metrics };

/** For `vi.waitFor`: a busy machine is no failure. */
export const PATIENCE = { timeout: 60_000, interval: 5 };

/** A loaded feed over a database, quick in everything. */
export async function openTestFeed(db: Db, options: Partial<FeedOptions> = {}): Promise<TestFeed> {
  const lifetime = openLifetime();
  const metrics = openMetrics(systemClock);
  const feed = openFeed({
    db,
    instance: 'test-1',
    pollMs: 5,
    heartbeatIntervalMs: 40,
    lifetime,
    clock: systemClock,
    log: openLog('silent'),
    metrics,
    ...options,
  });
  await vi.waitFor(() => expect(feed.notReady()).toBeNull(), PATIENCE);
  return { ...feed, lifetime, metrics };
}
