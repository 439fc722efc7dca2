import { offAbort, onAbort } from '../runtime/on-abort.ts';

/** Wakes those who wait for something new: in slices, so that hundreds of them do not hold up the loop in one turn. */
export type Bell = {
  ring(): void;
  /** Resolves at the next ring, or when `signal` aborts. Never rejects. */
  wait(signal: AbortSignal): Promise<void>;
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
    wait: (signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const done = () => {
          offAbort(signal, done);
          resolve();
        };
        onAbort(signal, done);
        waiting.push(done);
      }),
  };
}
