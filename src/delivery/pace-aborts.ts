/** Calls `act` when any of the signals it was given aborts. For many short pieces of work under few signals: one listener for each signal, however many wait. */
export type AbortWatch = { watch(signal: AbortSignal): void };

export function openAbortWatch(act: () => void): AbortWatch {
  const watched = new WeakSet<AbortSignal>();
  return {
    watch(signal) {
      if (watched.has(signal)) return;
      watched.add(signal);
      signal.addEventListener('abort', act, { once: true });
    },
  };
}
