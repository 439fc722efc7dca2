import type { Clock } from '../runtime/clock.ts';
import { offAbort, onAbort } from '../runtime/on-abort.ts';
import type { SlotRequest, Slots } from '../store/rate.ts';

/** Slots in time, dealt out to the whole cluster (see `store/rate`). */
export type SharedSlots = {
  takeSlots(request: Omit<SlotRequest, 'ceiling' | 'startRate'>): Promise<Slots>;
};

/** A turn has come; or there is none in time; or none at all, since the regulator does not answer. */
export type Turn = { kind: 'turn'; cutNo: number } | { kind: 'late' } | { kind: 'shut' };

export type Turns = {
  /** Resolves when the turn has come, or at once if none comes by `startBy` (monotonic) or `signal` aborts. */
  take(wish: Wish): Promise<Turn>;
  /** A call succeeded: the rate may grow. */
  succeeded(): void;
};

export type Wish = { startBy: number; probing: boolean; signal: AbortSignal };

type Waiting = Wish & { deal(turn: Turn): void; fail(error: unknown): void };
type Dealt = { wish: Waiting; at: number; cutNo: number; drop(): void };

/** A slot so near is taken at once: no timer is finer. */
const GRAIN_MS = 1;

/** Turns of this process. Those asked for together are taken from the cluster together, first come, first served. */
export function openTurns(slots: SharedSlots, clock: Clock): Turns {
  let waiting: Waiting[] = [];
  let successes = 0;
  const timetable = openTimetable(clock);

  const take = async (asked: Waiting[]) => {
    const askedAt = clock.monotonic();
    const grown = successes;
    successes = 0;
    const { given, firstInMs, everyMs, cutNo, shut } = await slots.takeSlots({
      wanted: asked.length,
      maxWaitMs: asked.reduce((latest, { startBy }) => Math.max(latest, startBy), 0) - askedAt,
      successes: grown,
      probing: asked.some(({ probing }) => probing),
    });
    const dealtAt = clock.monotonic();
    asked.forEach((wish, i) => {
      const at = dealtAt + firstInMs + i * everyMs;
      if (i >= given) wish.deal({ kind: shut ? 'shut' : 'late' });
      else if (at > wish.startBy || dealtAt > wish.startBy || wish.signal.aborted) wish.deal({ kind: 'late' });
      else if (at - dealtAt < GRAIN_MS) wish.deal({ kind: 'turn', cutNo });
      else timetable.add(wish, at, cutNo);
    });
  };

  const flush = () => {
    const asked = waiting;
    waiting = [];
    take(asked).catch((error) => {
      for (const { fail } of asked) fail(error);
    });
  };

  return {
    take: ({ startBy, probing, signal }) =>
      new Promise((deal, fail) => {
        if (waiting.length === 0) setImmediate(flush);
        waiting.push({ startBy, probing, signal, deal, fail });
      }),
    succeeded() {
      successes += 1;
    },
  };
}

/** Slots that lie ahead, with one timer for all of them. */
function openTimetable(clock: Clock) {
  let dealt: Dealt[] = [];
  let running = false;
  let sleeping = new AbortController();

  const run = async () => {
    running = true;
    while (dealt.length > 0) {
      sleeping = new AbortController();
      await clock.sleep(dealt[0]!.at - clock.monotonic(), sleeping.signal);
      const now = clock.monotonic();
      const due = dealt.findIndex(({ at }) => at - now >= GRAIN_MS);
      for (const { wish, cutNo, drop } of dealt.splice(0, due < 0 ? dealt.length : due)) {
        offAbort(wish.signal, drop);
        wish.deal(now <= wish.startBy ? { kind: 'turn', cutNo } : { kind: 'late' });
      }
    }
    running = false;
  };

  return {
    add(wish: Waiting, at: number, cutNo: number): void {
      const drop = () => {
        dealt = dealt.filter((other) => other.wish !== wish);
        wish.deal({ kind: 'late' });
        if (dealt.length === 0) sleeping.abort();
      };
      const last = dealt.at(-1);
      dealt.push({ wish, at, cutNo, drop });
      if (last && last.at > at) {
        dealt.sort((a, b) => a.at - b.at);
        if (dealt[0]!.wish === wish) sleeping.abort();
      }
      onAbort(wish.signal, drop);
      if (!running) void run();
    },
  };
}
