import { offAbort, onAbort } from '../runtime/on-abort.ts';

/** Wakes those who wait for something new: in slices, so that hundreds of them do not hold up the loop in one turn. */
export type Bell = {
  ring(): void;
  /** One who waits for it, as often as there is nothing to do, until it is disposed of or `signal` aborts. */
  sleeper(signal: AbortSignal): Sleeper;
};

export type Sleeper = Disposable & {
  /** Resolves at the next ring, or when the signal aborts. Never rejects. One wait at a time. */
  wait(): Promise<void>;
};

const SLICE = 50;

export function openBell(): Bell {
  let waiting: (() => void)[] = [];
  const wakeFrom = (sleepers: (() => void)[], start: number) => {
    for (const wake of sleepers.slice(start, start + SLICE)) wake();
    if (start + SLICE < sleepers.length) setImmediate(wakeFrom, sleepers, start + SLICE);
  };
  return {
    ring() {
      const sleepers = waiting;
      waiting = [];
      wakeFrom(sleepers, 0);
    },
    sleeper(signal) {
      let resolve: (() => void) | null = null;
      const wake = () => {
        resolve?.();
        resolve = null;
      };
      const listener = onAbort(signal, wake);
      return {
        wait: () =>
          new Promise((done) => {
            if (signal.aborted) return done();
            resolve = done;
            waiting.push(wake);
          }),
        [Symbol.dispose]: () => offAbort(signal, listener),
      };
    },
  };
}
