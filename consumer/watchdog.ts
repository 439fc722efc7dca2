/**
 * Ends a stream that has fallen silent: `ticks` periods without a frame. It counts periods of its own timer and not time, so a process that stood
 * still itself does not take that for the silence of the other side.
 */
export type Watchdog = Disposable & {
  readonly signal: AbortSignal;
  /** A frame came. */
  heard(): void;
  /** From now on with another patience. */
  expect(periodMs: number, ticks: number): void;
};

export function openWatchdog(periodMs: number, ticks: number): Watchdog {
  const silent = new AbortController();
  let quiet = 0;
  let most = ticks;
  let period = periodMs;
  const tick = () => {
    quiet += 1;
    if (quiet > most) silent.abort(new Error('the stream fell silent'));
  };
  let timer = setInterval(tick, period).unref();
  return {
    signal: silent.signal,
    heard() {
      quiet = 0;
    },
    expect(nextPeriodMs, nextTicks) {
      most = nextTicks;
      if (nextPeriodMs === period) return;
      period = nextPeriodMs;
      clearInterval(timer);
      timer = setInterval(tick, period).unref();
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
