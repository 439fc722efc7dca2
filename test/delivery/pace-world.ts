import { sql } from 'kysely';
import { openRateLimit } from '../../simulator/regulator/rate-limit.ts';
import { type Gate, openPace, type Pace } from '../../src/delivery/pace.ts';
import { openSharedGate } from '../../src/delivery/shared-gate.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { openTestDatabase } from '../support/database.ts';

/**
 * Instances that share one pace through a real database, a regulator with a hidden limit, and time that moves only when nobody has anything to
 * do: a minute of calls takes a second, and neither the machine nor its load decide what happens. Chance has a seed.
 */
export type PaceWorld = AsyncDisposable & {
  regulator: { limit: number; up: boolean };
  /** Everything that reached the regulator, oldest first; times in ms. */
  calls: { atMs: number; outcome: Outcome<null>['kind'] }[];
  nowMs(): number;
  /** Lets so much time pass. */
  pass(ms: number): Promise<void>;
  /** Adds an instance that always has work. */
  addInstance(): Pace;
  gate: Gate;
};

export type PaceWorldOptions = { seed?: number; maxRate?: number; startRate?: number; maxInFlight?: number };

type Timer = { at: number; ring(): void };

export async function openPaceWorld(options: PaceWorldOptions = {}): Promise<PaceWorld> {
  const { seed = 1, maxRate = 2_000, startRate = 100, maxInFlight = 200 } = options;
  // One connection: what is set as the time holds for every statement.
  const database = await openTestDatabase({ maxConnections: 1 });
  const { db } = database;
  await sql`create or replace function deptrans.now() returns timestamptz language sql volatile as
    'select to_timestamp(current_setting(''test.now'')::float8 / 1000)'`.execute(db);
  const random = openRandom(seed);
  const epoch = Date.UTC(2026, 0, 10);
  const calls: PaceWorld['calls'] = [];
  const regulator = { limit: Number.POSITIVE_INFINITY, up: true };
  const hidden = openRateLimit(() => regulator.limit);
  const ending = new AbortController();
  const running: Promise<void>[] = [];
  let now = 0;
  let told = -1;
  let timers: Timer[] = [];
  let asking = 0;

  const clock: Clock = {
    now: () => epoch + now,
    monotonic: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted || ending.signal.aborted) return resolve();
        const timer = { at: now + Math.max(0, ms), ring: resolve };
        timers.push(timer);
        signal?.addEventListener('abort', () => {
          timers = timers.filter((other) => other !== timer);
          resolve();
        });
      }),
  };

  const shared = openSharedGate(db, 'test', { probeMs: 60_000, maxRate, startRate, maxRetryAfterMs: 600_000 });
  const gate = new Proxy(shared, {
    get: (target, name: keyof Gate) => async (argument: never, second: never) => {
      asking += 1;
      try {
        if (told !== now) await sql`select set_config('test.now', ${String(epoch + now)}, false)`.execute(db);
        told = now;
        return await target[name](argument, second);
      } finally {
        asking -= 1;
      }
    },
  });

  const reach = async (): Promise<Outcome<null>> => {
    await clock.sleep(5 + random() * 20);
    const outcome = answer();
    calls.push({ atMs: now, outcome: outcome.kind });
    await clock.sleep(20 + random() * 30);
    return outcome;
  };
  const answer = (): Outcome<null> => {
    if (!regulator.up) return { kind: 'unavailable' };
    return hidden.take(now) ? { kind: 'accepted', value: null } : { kind: 'throttled', retryAfterMs: 1_000 };
  };

  /** What delivery does with accounts claimed together, as far as the pace sees it. */
  const work = async (pace: Pace, accounts: number) => {
    pace.enter(accounts);
    await clock.sleep(5 + random() * 20);
    const wait = { startBy: now + 2_000, signal: ending.signal };
    const calls = Array.from({ length: accounts }, () => {
      pace.decided();
      return pace.call(wait, reach, (outcome) => outcome);
    });
    await Promise.all(calls);
    for (const _ of calls) pace.leave(false);
  };
  const runInstance = async (pace: Pace) => {
    while (!ending.signal.aborted) {
      const permits = await pace.permits(100);
      if (permits > 0) running.push(work(pace, permits));
      else await pace.ready(ending.signal);
      await clock.sleep(5);
    }
  };

  return {
    regulator,
    calls,
    gate,
    nowMs: () => now,
    async pass(ms) {
      const until = now + ms;
      for (;;) {
        await quiet();
        timers.sort((a, b) => a.at - b.at);
        const next = timers[0];
        if (!next || next.at > until) break;
        timers.shift();
        now = next.at;
        next.ring();
      }
      now = until;
    },
    addInstance() {
      const pace = openPace({ maxInFlight, failuresToShut: 5, gate, clock, onChange: () => {} });
      running.push(runInstance(pace));
      return pace;
    },
    async [Symbol.asyncDispose]() {
      ending.abort();
      for (const { ring } of timers) ring();
      await Promise.all(running);
      await quiet();
      await database[Symbol.asyncDispose]();
    },
  };

  /** Resolves when nobody has anything left to do at this moment. */
  async function quiet(): Promise<void> {
    for (let turns = 0; turns < 3; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (asking > 0) turns = -1;
    }
  }
}

/** Mulberry32. */
function openRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
