import type { Clock } from '../runtime/clock.ts';
import { openAbortWatch } from './pace-aborts.ts';
import type { PacedCall } from './pace-call.ts';

/** Places for calls under way: so many at once, first come, first served. */
export type Places = {
  /** Calls `tell(call, true)` when the call has a place, `tell(call, false)` if there was none by its `startBy` or before its `signal` aborted. That there was none is told when a call ends: within one deadline. */
  take(call: PacedCall): void;
  giveBack(): void;
};

export function openPlaces(limit: () => number, clock: Clock, tell: (call: PacedCall, has: boolean) => void): Places {
  let waiting: PacedCall[] = [];
  let taken = 0;
  const aborts = openAbortWatch(() => {
    const dropped = waiting.filter(({ signal }) => signal.aborted);
    waiting = waiting.filter(({ signal }) => !signal.aborted);
    for (const call of dropped) tell(call, false);
  });

  const serve = () => {
    const now = clock.monotonic();
    while (waiting.length > 0) {
      const inTime = now <= waiting[0]!.startBy;
      if (inTime && taken >= limit()) return;
      const call = waiting.shift()!;
      if (inTime) taken += 1;
      tell(call, inTime);
    }
  };

  return {
    take(call) {
      if (call.signal.aborted) tell(call, false);
      else if (waiting.length === 0 && taken < limit()) {
        taken += 1;
        tell(call, true);
      } else {
        aborts.watch(call.signal);
        waiting.push(call);
      }
    },
    giveBack() {
      taken -= 1;
      serve();
    },
  };
}
