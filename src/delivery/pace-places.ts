import type { Clock } from '../runtime/clock.ts';
import { offAbort, onAbort } from '../runtime/on-abort.ts';

/** Places for calls under way: so many at once, first come, first served. */
export type Places = {
  /**
   * Resolves to true when the caller has a place, to false if there was none by `startBy` (monotonic) or before `signal` aborted. That there was
   * none is told when a call ends: within one deadline.
   */
  take(startBy: number, signal: AbortSignal): Promise<boolean> | true;
  giveBack(): void;
};

type Waiting = { startBy: number; signal: AbortSignal; tell(has: boolean): void; drop(): void };

export function openPlaces(limit: () => number, clock: Clock): Places {
  const waiting = new Set<Waiting>();
  let taken = 0;

  const serve = () => {
    const now = clock.monotonic();
    for (const one of waiting) {
      const inTime = now <= one.startBy;
      if (inTime && taken >= limit()) return;
      waiting.delete(one);
      offAbort(one.signal, one.drop);
      if (inTime) taken += 1;
      one.tell(inTime);
    }
  };

  return {
    take(startBy, signal) {
      if (waiting.size === 0 && taken < limit() && !signal.aborted) {
        taken += 1;
        return true;
      }
      return new Promise((tell) => {
        const one: Waiting = {
          startBy,
          signal,
          tell,
          drop() {
            waiting.delete(one);
            tell(false);
          },
        };
        waiting.add(one);
        onAbort(signal, one.drop);
      });
    },
    giveBack() {
      taken -= 1;
      serve();
    },
  };
}
