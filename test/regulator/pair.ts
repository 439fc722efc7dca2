import { openRegulator, type RegulatorServer } from '../../simulator/regulator/regulator.ts';
import type { RegulatorSettings } from '../../simulator/regulator/settings.ts';
import { openMoscow } from '../../src/regulator/moscow.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Masked } from '../../src/runtime/masked.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { openTokenStore } from '../../src/store/tokens.ts';
import type { TestDatabase } from '../support/database.ts';

export const DEADLINE_MS = 400;

export type AdapterOptions = { deadlineMs?: number; password?: string; maxBatch?: number; renewAfterMs?: number };

/** The Moscow adapter against whoever listens at `url`. */
export function openAdapter(
  database: TestDatabase,
  url: string,
  { deadlineMs = DEADLINE_MS, password = 'secret', maxBatch = 1, renewAfterMs = 3_600_000 }: AdapterOptions = {},
) {
  return openMoscow({
    baseUrl: url,
    login: 'service',
    password: new Masked<'Password'>(password),
    deadlineMs,
    connectTimeoutMs: 200,
    maxConnections: 50,
    renewAfterMs,
    capabilities: {
      maxBatch,
      canReadSession: true,
      ordersByOccurredAt: false,
      repeatIsHarmless: true,
      maxRequestLifeMs: 30_000,
    },
    tokens: openTokenStore(database.db, 'moscow'),
    clock: systemClock,
    timer: openMetrics(systemClock).timer('regulator'),
  });
}

/** A simulated regulator that knows driver 7, and an adapter that calls it. */
export async function openPair(
  database: TestDatabase,
  settings: Partial<RegulatorSettings> = {},
  options: AdapterOptions = {},
) {
  const stack = new AsyncDisposableStack();
  const regulator = stack.use(await openRegulator({ settings }));
  regulator.registry.put('7', '77AA123456');
  const adapter = stack.use(openAdapter(database, regulator.url, options));
  return { regulator, adapter, logins: () => loginsAt(regulator), [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** How often somebody tried to log in. */
export function loginsAt(regulator: RegulatorServer): number {
  return regulator.calls.all().filter((call) => call.kind === 'authenticate').length;
}
