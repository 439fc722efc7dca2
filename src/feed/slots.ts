import type { Clock } from '../runtime/clock.ts';

/** A bounded number of places. */
export type Slots = {
  /** A place, as the function that gives it back; null if none is free. */
  take(): (() => void) | null;
  /** Places in use. */
  readonly taken: number;
};

/**
 * `max` places. One that is held for longer than `longestMs` is given to the next who comes: who goes slowly must not keep everybody else
 * waiting.
 */
export function openSlots(max: number, clock: Clock, longestMs = Number.POSITIVE_INFINITY): Slots {
  const held = new Map<symbol, number>(); // in the order of their taking
  const drop = (place: symbol) => () => void held.delete(place);
  return {
    take() {
      const [oldest] = held;
      if (held.size >= max && oldest && clock.monotonic() - oldest[1] > longestMs) held.delete(oldest[0]);
      if (held.size >= max) return null;
      const place = Symbol();
      held.set(place, clock.monotonic());
      return drop(place);
    },
    get taken() {
      return held.size;
    },
  };
}
