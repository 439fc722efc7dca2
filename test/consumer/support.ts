import { expect, vi } from 'vitest';
import { type DriverCache, type DriverCacheOptions, openDriverCache } from '../../consumer/driver-cache.ts';
import type { DriverRecord } from '../../consumer/driver-record.ts';
import type { Db } from '../../src/store/database.ts';
import { PATIENCE } from '../support/feed/open-test-feed.ts';
import { type PlainRecord, readRecords } from '../support/feed/world.ts';

/** A cache of the test's services, quick to come back. */
export function openTestCache(
  endpoints: readonly string[],
  options: Partial<DriverCacheOptions> = {},
): Promise<DriverCache> {
  return openDriverCache({ endpoints, reconnect: { baseMs: 5, maxMs: 50 }, ...options });
}

/** The cache's records in the form of `readRecords`. */
export function plainCopy(cache: Iterable<DriverRecord>, kind: 'ids' | 'statuses'): Map<string, PlainRecord> {
  const copy = new Map<string, PlainRecord>();
  for (const { parkId, driverId, id, session } of cache) {
    const key = `${parkId}/${driverId}`;
    if (kind === 'ids' && id) {
      const { person, bound, deptransId, updatedAtUs, seq } = id;
      copy.set(key, { person, bound, id: deptransId, updated: told(updatedAtUs), seq: String(seq) });
    }
    if (kind === 'statuses' && session) {
      const { person, status, raw, updatedAtUs, endedAtUs, endIsEstimate, region, seq } = session;
      const times = { updated: told(updatedAtUs), ended: told(endedAtUs) };
      copy.set(key, { person, status, raw, ...times, estimate: endIsEstimate, region, seq: String(seq) });
    }
  }
  return copy;
}

const told = (micros: number | null): string | null => (micros === null ? null : String(micros));

/** Waits until the cache holds exactly what the database does, which nobody changes any more. */
export async function expectExact(cache: DriverCache, db: Db): Promise<void> {
  const [ids, statuses] = [await readRecords(db, 'ids'), await readRecords(db, 'statuses')];
  await vi.waitFor(() => {
    expect(plainCopy(cache, 'ids')).toEqual(ids);
    expect(plainCopy(cache, 'statuses')).toEqual(statuses);
  }, PATIENCE);
}

/** Waits for a figure of the cache. */
export async function untilMetric(cache: DriverCache, name: string, atLeast: number): Promise<void> {
  await vi.waitFor(() => expect(cache.metrics()[name], name).toBeGreaterThanOrEqual(atLeast), PATIENCE);
}

/** A heartbeat more of each feed, digest and all. */
export async function untilBeats(cache: DriverCache, count = 2): Promise<void> {
  const { ids_frames_total: ids, statuses_frames_total: statuses } = cache.metrics();
  await untilMetric(cache, 'ids_frames_total', ids! + count);
  await untilMetric(cache, 'statuses_frames_total', statuses! + count);
}
