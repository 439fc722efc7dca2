import type { Clock } from '../runtime/clock.ts';
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

type Waiting = Wish & { deal(turn: Promise<Turn> | Turn): void; fail(error: unknown): void };

/** Turns of this process. Those asked for together are taken from the cluster together, first come, first served. */
export function openTurns(slots: SharedSlots, clock: Clock): Turns {
  let waiting: Waiting[] = [];
  let successes = 0;

  const take = async (asked: Waiting[]) => {
    const askedAt = clock.monotonic();
    const grown = successes;
    successes = 0;
    const { given, firstInMs, everyMs, cutNo, shut } = await slots.takeSlots({
      wanted: asked.length,
      maxWaitMs: Math.max(...asked.map(({ startBy }) => startBy)) - askedAt,
      successes: grown,
      probing: asked.some(({ probing }) => probing),
    });
    const dealtAt = clock.monotonic();
    for (const [i, wish] of asked.entries()) {
      const inMs = firstInMs + i * everyMs;
      if (i < given) wish.deal(turnIn(inMs, cutNo, wish));
      else wish.deal({ kind: shut ? 'shut' : 'late' });
    }
    async function turnIn(inMs: number, no: number, { startBy, signal }: Wish): Promise<Turn> {
      if (dealtAt + inMs <= startBy) await clock.sleep(inMs, signal);
      const inTime = dealtAt + inMs <= startBy && clock.monotonic() <= startBy && !signal.aborted;
      return inTime ? { kind: 'turn', cutNo: no } : { kind: 'late' };
    }
  };

  const flush = () => {
    const asked = waiting;
    waiting = [];
    take(asked).catch((error) => {
      for (const { fail } of asked) fail(error);
    });
  };

  return {
    take: (wish) =>
      new Promise((deal, fail) => {
        if (waiting.length === 0) setImmediate(flush);
        waiting.push({ ...wish, deal, fail });
      }),
    succeeded() {
      successes += 1;
    },
  };
}
