import type { Clock } from '../runtime/clock.ts';
import type { Bell } from './bell.ts';

/** Waits for the bell, for `ms`, or until `signal` aborts, whatever comes first. Never rejects. */
export async function waitAtMost(bell: Bell, ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  using sleeper = bell.sleeper(either);
  await Promise.race([sleeper.wait(), clock.sleep(ms, either)]);
  over.abort();
}
