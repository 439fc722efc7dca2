/**
 * What is to be done when a signal aborts, for many short pieces of work under one long-lived signal. A listener of the signal's own for each would
 * cost a walk through all others, at its begin and at its end.
 */
const actions = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `act` when `signal` aborts; at once if it has. */
export function onAbort(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) {
    act();
    return;
  }
  let waiting = actions.get(signal);
  if (!waiting) {
    waiting = new Set();
    actions.set(signal, waiting);
    const all = waiting;
    signal.addEventListener('abort', () => {
      for (const one of all) one();
      all.clear();
    });
  }
  waiting.add(act);
}

/** Takes back what `onAbort` was given. */
export function offAbort(signal: AbortSignal, act: () => void): void {
  actions.get(signal)?.delete(act);
}
