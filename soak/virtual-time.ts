import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import pg from 'pg';
import type { Clock } from '../src/runtime/clock.ts';

/**
 * Time that moves only when nobody has anything to do: then it jumps to the moment for which somebody sleeps. Work takes no time, so neither the
 * machine nor its load decide what happens when. Of this process alone, one at a time: it watches every statement to PostgreSQL, and every wait for a
 * connection.
 *
 * Guarantees: whoever sleeps wakes no earlier than asked, and no later than `gridMs` after. Not guaranteed: short timers that do not go by the
 * clock (a batch that waits for company) are waited for only as far as they take a few real milliseconds.
 */
export type VirtualTime = Disposable & {
  readonly clock: Clock;
  /** Time stands still until the work has ended. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** Lets so much time pass. */
  pass(ms: number): Promise<void>;
  /** Lets time pass until the work has ended. */
  until<T>(work: Promise<T>): Promise<T>;
};

export type VirtualTimeOptions = {
  gridMs: number;
  /** Called after every move, before anybody wakes. */
  onMove(nowMs: number): Promise<void>;
};

type Sleeper = { at: number; wake(): void };

export function openVirtualTime({ gridMs, onMove }: VirtualTimeOptions): VirtualTime {
  const epoch = Date.now();
  const busy = { now: 0, ever: 0, ended: Promise.withResolvers<void>() };
  let now = 0;
  let sleepers: Sleeper[] = [];
  let over = false;

  const during = <T>(work: () => Promise<T>): Promise<T> => {
    busy.now += 1;
    busy.ever += 1;
    return work().finally(() => {
      busy.now -= 1;
      if (busy.now > 0) return;
      busy.ended.resolve();
      busy.ended = Promise.withResolvers();
    });
  };
  const stopWatching = watchStatements(during);
  const clock: Clock = {
    now: () => epoch + now,
    monotonic: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted || over) return resolve();
        const sleeper = { at: now + Math.max(0, ms), wake: resolve };
        sleepers.push(sleeper);
        const leave = () => {
          sleepers = sleepers.filter((other) => other !== sleeper);
          resolve();
        };
        signal?.addEventListener('abort', leave, { once: true });
      }),
  };

  /** Resolves when nobody has done anything for a few turns and a few real milliseconds. */
  const quiet = async () => {
    for (let seen = -1; seen !== busy.ever || busy.now > 0; ) {
      seen = busy.ever;
      for (let turns = 0; turns < 3; turns += 1) await (busy.now > 0 ? busy.ended.promise : turn());
      await pause(2);
    }
  };
  const moveTo = async (at: number) => {
    now = at;
    await onMove(clock.now());
    const due = sleepers.filter((sleeper) => sleeper.at <= now).sort((a, b) => a.at - b.at);
    sleepers = sleepers.filter((sleeper) => sleeper.at > now);
    for (const { wake } of due) wake();
  };
  const nextAt = () => {
    const first = sleepers.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY);
    return Math.max(now, Math.ceil(first / gridMs) * gridMs);
  };

  return {
    clock,
    during,
    async pass(ms) {
      const end = now + ms;
      for (await quiet(); nextAt() <= end; await quiet()) await moveTo(nextAt());
      await moveTo(end);
    },
    async until(work) {
      let ended = false;
      const done = work.finally(() => {
        ended = true;
      });
      done.catch(() => {}); // whoever waits for it below is told
      for (await quiet(); !ended; await quiet()) {
        const at = nextAt();
        if (at === Number.POSITIVE_INFINITY) break;
        await moveTo(at);
      }
      return done;
    },
    [Symbol.dispose]() {
      over = true;
      for (const { wake } of sleepers) wake();
      sleepers = [];
      stopWatching();
    },
  };
}

/** Tells of every statement, and every wait for a connection, that is under way. Returns what ends that. */
function watchStatements(during: VirtualTime['during']): () => void {
  const ends = [watchMethod(pg.Client.prototype, 'query', during), watchMethod(pg.Pool.prototype, 'connect', during)];
  return () => {
    for (const end of ends) end();
  };
}

function watchMethod<Name extends string>(
  prototype: Record<Name, unknown>,
  name: Name,
  during: VirtualTime['during'],
): () => void {
  const method = prototype[name] as (...given: unknown[]) => unknown;
  prototype[name] = function (this: unknown, ...given: unknown[]) {
    const result = method.apply(this, given);
    if (result instanceof Promise) during(() => result).catch(() => {});
    return result;
  };
  return () => {
    prototype[name] = method;
  };
}
