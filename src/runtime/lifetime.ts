/**
 * How long a process works, as two signals. `stopping`: take no new work, end what is in hand. `aborting`: drop what is in hand.
 * Every part gets both; nothing else tells it to stop.
 */
export type Lifetime = {
  readonly stopping: AbortSignal;
  readonly aborting: AbortSignal;
  /** Fires `stopping` now and `aborting` after `graceMs`. Further calls change nothing. */
  stop(graceMs: number): void;
  /** Fires both now. */
  abort(reason?: unknown): void;
};

export function openLifetime(): Lifetime {
  const stopping = new AbortController();
  const aborting = new AbortController();
  const abort = (reason?: unknown) => {
    stopping.abort(reason);
    aborting.abort(reason);
  };
  return {
    stopping: stopping.signal,
    aborting: aborting.signal,
    stop(graceMs) {
      if (stopping.signal.aborted) return;
      stopping.abort();
      setTimeout(abort, graceMs).unref();
    },
    abort,
  };
}
