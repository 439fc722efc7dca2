import { openMoscow } from '../src/regulator/moscow.ts';
import { systemClock } from '../src/runtime/clock.ts';
import { Masked } from '../src/runtime/masked.ts';
import { openMetrics } from '../src/runtime/metrics.ts';
import type { Db } from '../src/store/database.ts';
import { openTokenStore } from '../src/store/tokens.ts';

/** Short enough to be waited for again and again, and long enough for a busy machine to begin a call in it. */
export const DEADLINE_MS = 1_000;

export type AdapterOptions = { deadlineMs?: number; password?: string; maxBatch?: number; renewAfterMs?: number };

/** The Moscow adapter against whoever listens at `url`. */
export function openAdapter(
  { db }: { db: Db },
  url: string,
  { deadlineMs = DEADLINE_MS, password = 'secret', maxBatch = 1, renewAfterMs = 3_600_000 }: AdapterOptions = {},
) {
  return openMoscow({
    baseUrl: url,
    login: 'service',
    password: new Masked<'Password'>(password),
    deadlineMs,
    connectTimeoutMs: deadlineMs,
    maxConnections: 50,
    renewAfterMs,
    capabilities: {
      maxBatch,
      canReadSession: true,
      ordersByOccurredAt: false,
      repeatIsHarmless: true,
      maxRequestLifeMs: 30_000,
    },
    tokens: openTokenStore(db, 'moscow'),
    clock: systemClock,
    timer: openMetrics(systemClock).timer('regulator'),
  });
}
