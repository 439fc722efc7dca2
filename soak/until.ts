import { setTimeout as pause } from 'node:timers/promises';

/** Resolves when `holds` does, looked at every `everyMs`. Rejects with the signal's reason when that aborts. */
export async function until(holds: () => boolean | Promise<boolean>, signal: AbortSignal, everyMs = 50): Promise<void> {
  while (!(await holds())) await pause(everyMs, undefined, { signal });
}
