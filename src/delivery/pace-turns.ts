import type { Clock } from '../runtime/clock.ts';
import type { SlotRequest, Slots } from '../store/rate.ts';
import { openAbortWatch } from './pace-aborts.ts';
import type { PacedCall } from './pace-call.ts';

/** Slots in time, dealt out to the whole cluster (see `store/rate`). */
export type SharedSlots = {
  takeSlots(request: Omit<SlotRequest, 'ceiling' | 'startRate'>): Promise<Slots>;
};

/** A turn has come, to be known by the number of the last cut of the rate; or there is none in time; or none at all, since the regulator does not answer. */
export type Turn = { kind: 'turn'; cutNo: number } | { kind: 'late' } | { kind: 'shut' };

/** Told what a call has got. `fail`: no turns could be asked for. */
export type Dealer = { deal(call: PacedCall, turn: Turn): void; fail(call: PacedCall, error: unknown): void };

export type Turns = {
  /** The call is dealt its turn when that has come, or none at once if none comes by its `startBy` or its `signal` aborts. */
  take(call: PacedCall): void;
  /** A call succeeded: the rate may grow. */
  succeeded(): void;
};

/** A slot so near is taken at once: no timer is finer. */
const GRAIN_MS = 1;
const LATE: Turn = { kind: 'late' };
const SHUT: Turn = { kind: 'shut' };

/** Turns of this process. Those asked for together are taken from the cluster together, first come, first served. */
export function openTurns(slots: SharedSlots, clock: Clock, { deal, fail }: Dealer): Turns {
  let waiting: PacedCall[] = [];
  let successes = 0;
  const timetable = openTimetable(clock, deal);

  const take = async (asked: PacedCall[]) => {
    const askedAt = clock.monotonic();
    const grown = successes;
    successes = 0;
    const { given, firstInMs, everyMs, cutNo, shut } = await slots.takeSlots({
      wanted: asked.length,
      maxWaitMs: latestOf(asked) - askedAt,
      successes: grown,
      probing: asked.some(isProbing),
    });
    const dealtAt = clock.monotonic();
    const turn: Turn = { kind: 'turn', cutNo };
    for (let i = 0; i < asked.length; i++) {
      const call = asked[i]!;
      const at = dealtAt + firstInMs + i * everyMs;
      if (i >= given) deal(call, shut ? SHUT : LATE);
      else if (at > call.startBy || dealtAt > call.startBy || call.signal.aborted) deal(call, LATE);
      else if (at - dealtAt < GRAIN_MS) deal(call, turn);
      else timetable.add(call, at, turn);
    }
  };

  const flush = () => {
    const asked = waiting;
    waiting = [];
    take(asked).catch((error) => {
      for (const call of asked) fail(call, error);
    });
  };

  return {
    take(call) {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push(call);
    },
    succeeded() {
      successes += 1;
    },
  };
}

function latestOf(calls: readonly PacedCall[]): number {
  let latest = 0;
  for (const { startBy } of calls) latest = Math.max(latest, startBy);
  return latest;
}

function isProbing({ probing }: PacedCall): boolean {
  return probing;
}

type Dealt = { call: PacedCall; at: number; turn: Turn };

/** Slots that lie ahead, with one timer for all of them. */
function openTimetable(clock: Clock, deal: Dealer['deal']) {
  let dealt: Dealt[] = [];
  let running = false;
  let sleeping = new AbortController();
  const aborts = openAbortWatch(() => {
    const dropped = dealt.filter(({ call }) => call.signal.aborted);
    dealt = dealt.filter(({ call }) => !call.signal.aborted);
    for (const { call } of dropped) deal(call, LATE);
    if (dealt.length === 0) sleeping.abort();
  });

  const run = async () => {
    running = true;
    while (dealt.length > 0) {
      sleeping = new AbortController();
      await clock.sleep(dealt[0]!.at - clock.monotonic(), sleeping.signal);
      const now = clock.monotonic();
      const due = dealt.findIndex(({ at }) => at - now >= GRAIN_MS);
      for (const { call, turn } of dealt.splice(0, due < 0 ? dealt.length : due)) {
        deal(call, now <= call.startBy ? turn : LATE);
      }
    }
    running = false;
  };

  return {
    add(call: PacedCall, at: number, turn: Turn): void {
      const last = dealt.at(-1);
      dealt.push({ call, at, turn });
      if (last && last.at > at) {
        dealt.sort((a, b) => a.at - b.at);
        if (dealt[0]!.call === call) sleeping.abort();
      }
      aborts.watch(call.signal);
      if (!running) void run();
    },
  };
}
