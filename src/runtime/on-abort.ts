/**
 * What is to be done when a signal aborts, for many short pieces of work under one long-lived signal. A listener of the signal's own for each would
 * cost a walk through all others, at its begin and at its end.
 *
 * In an array and not in a `Set`: a set that is added to and deleted from all the time is copied now and then, and each copy that the collector has
 * moved among the old objects keeps all that it ever held, and what hangs on it, from the cheap collections of the young ones.
 */
export type AbortListener = {
  aborted(): void;
  /** Where it stands among the others; for `onAbort` to keep. */
  place: number;
};

const NOWHERE = -1;
const listeners = new WeakMap<AbortSignal, AbortListener[]>();

/** Calls `act`, or what a listener says, when `signal` aborts; at once if it has. Returns the listener: one of its own for each signal. */
export function onAbort(signal: AbortSignal, act: AbortListener | (() => void)): AbortListener {
  const listener = typeof act === 'function' ? { aborted: act, place: NOWHERE } : act;
  if (signal.aborted) listener.aborted();
  else listener.place = listenersOf(signal).push(listener) - 1;
  return listener;
}

/** Takes back what `onAbort` returned. */
export function offAbort(signal: AbortSignal, listener: AbortListener): void {
  if (listener.place === NOWHERE) return;
  const all = listenersOf(signal);
  const last = all.pop()!;
  last.place = listener.place;
  if (last !== listener) all[last.place] = last;
  listener.place = NOWHERE;
}

function listenersOf(signal: AbortSignal): AbortListener[] {
  const known = listeners.get(signal);
  if (known) return known;
  const all: AbortListener[] = [];
  listeners.set(signal, all);
  signal.addEventListener('abort', () => {
    for (let one = all.pop(); one; one = all.pop()) {
      one.place = NOWHERE;
      one.aborted();
    }
  });
  return all;
}
