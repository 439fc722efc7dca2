import { setTimeout as pause } from 'node:timers/promises';

/** Resolves when `condition` holds, looked at every `everyMs`. Rejects with the signal's reason when that aborts. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { everyMs, signal }: { everyMs: number; signal: AbortSignal },
): Promise<void> {
  while (!(await condition())) {
    signal.throwIfAborted();
    await pause(everyMs, undefined, { signal });
  }
}
