import { type Backoff, backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Lifetime } from './lifetime.ts';
import type { Log } from './log.ts';
import type { Timer } from './metrics.ts';

/**
 * The one loop of the service. It runs `runOnce` again and again, never twice at once, and knows everything about time that a part
 * does not: the pause (from end to start, with jitter), no pause while there is more work, a wake that cuts the pause short, errors that
 * are logged and survived with a growing pause.
 */
export type LoopOptions = {
  name: string;
  /** One round of work. `'more'` means there is more to do now. `signal` aborts when the process drops what is in hand. */
  runOnce(signal: AbortSignal): Promise<'more' | 'idle'>;
  pauseMs: number;
  /** After errors. Default: from `pauseMs` to 30 s. */
  backoff?: Backoff;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
  timer: Timer;
};

export type Loop = AsyncDisposable & {
  /** Cuts the present or next pause short. */
  wake(): void;
  /** Resolves when the loop has ended, after `stopping`. */
  readonly ended: Promise<void>;
};

/** Starts a loop. Disposing it waits until the round in hand has ended; it ends because of `lifetime.stopping` or the disposal. */
export function startLoop(options: LoopOptions): Loop {
  const { name, runOnce, pauseMs, lifetime, clock, log, timer } = options;
  const backoff = options.backoff ?? { baseMs: Math.max(pauseMs, 100), maxMs: 30_000 };
  const ending = new AbortController();
  const stopping = AbortSignal.any([lifetime.stopping, ending.signal]);
  // One signal ends a pause, whyever: to put two together for each would cost more than most rounds do.
  let waking = new AbortController();
  stopping.addEventListener('abort', () => waking.abort(), { once: true });
  let failures = 0;

  const round = async (): Promise<number> => {
    try {
      const found = await timer.measure(name, () => runOnce(lifetime.aborting));
      failures = 0;
      return found === 'more' ? 0 : pauseMs * (0.75 + Math.random() / 2);
    } catch (error) {
      if (stopping.aborted) return 0;
      failures += 1;
      log.error({ loop: name, failures, err: error }, 'round failed');
      return backoffMs(failures, backoff);
    }
  };

  const run = async () => {
    while (!stopping.aborted) {
      const pause = await round();
      if (pause > 0) await clock.sleep(pause, waking.signal);
      if (waking.signal.aborted) waking = new AbortController();
    }
  };

  const ended = run();
  return {
    ended,
    wake: () => waking.abort(),
    async [Symbol.asyncDispose]() {
      ending.abort();
      await ended;
    },
  };
}
