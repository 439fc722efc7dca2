/** The shape of a back-off: the pause doubles from `baseMs` and stops growing at `maxMs`. */
export type Backoff = { baseMs: number; maxMs: number };

/**
 * The pause before attempt `attempt + 1` (`attempt` counts failures, from 1), in ms.
 * Half of it is fixed and half is random, so that those who failed together do not come back together.
 */
export function backoffMs(attempt: number, { baseMs, maxMs }: Backoff, random: () => number = Math.random): number {
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(Math.max(attempt, 1) - 1, 30));
  return full / 2 + (random() * full) / 2;
}
