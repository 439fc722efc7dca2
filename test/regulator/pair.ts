import { openRegulator, type RegulatorServer } from '../../simulator/regulator/regulator.ts';
import type { RegulatorSettings } from '../../simulator/regulator/settings.ts';
import { type AdapterOptions, openAdapter } from '../../soak/regulator-adapter.ts';
import type { TestDatabase } from '../support/database.ts';

/** A simulated regulator that knows driver 7, and an adapter that calls it, with all the time in the world unless the test is about time. */
export async function openPair(
  database: TestDatabase,
  settings: Partial<RegulatorSettings> = {},
  options: AdapterOptions = {},
) {
  const stack = new AsyncDisposableStack();
  const regulator = stack.use(await openRegulator({ settings }));
  regulator.registry.put('7', '77AA123456');
  const adapter = stack.use(openAdapter(database, regulator.url, { deadlineMs: 20_000, ...options }));
  return { regulator, adapter, logins: () => loginsAt(regulator), [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** How often somebody tried to log in. */
export function loginsAt(regulator: RegulatorServer): number {
  return regulator.calls.all().filter((call) => call.kind === 'authenticate').length;
}
