import type { Outcome } from '../domain/outcome.ts';
import type { Clock } from '../runtime/clock.ts';
import { openBreaker, type SharedBreaker } from './pace-breaker.ts';
import { openConcurrency } from './pace-concurrency.ts';
import { openPlaces } from './pace-places.ts';
import { openTurns, type SharedSlots, type Turn } from './pace-turns.ts';

/**
 * When calls may go to the regulator. Guarantees: all instances together never begin more calls in a second than the allowed rate, which the
 * cluster finds by itself below a ceiling; while the regulator does not answer, one probe at a time for the whole cluster; no burst after a
 * pause or an outage. Not guaranteed: that calls of drivers who set their id are counted; they are few, go at once, and the rate makes room for them.
 */
export type Pace = {
  /** Whether accounts may be claimed at all now: not while there are enough whose calls have not ended. */
  hasRoom(): boolean;
  /** How many accounts may be claimed now, 0 to `wanted`. `perCall`: so many reports may share one call if they are many. */
  permits(wanted: number, perCall?: number): Promise<number>;
  /** Resolves when there may be permits again: a look has ended, the rate allows more, a probe may be due, or `signal` aborts. */
  ready(signal: AbortSignal): Promise<void>;
  /**
   * Waits for a turn, runs one call and learns from what `judge` makes of its result. If no turn comes by `startBy` (of the monotonic clock)
   * or before `signal` aborts, nothing is run, and the result is a `NoTurn`.
   */
  call<R>(
    wait: { startBy: number; signal: AbortSignal },
    run: () => Promise<R>,
    judge: (result: R) => Outcome<unknown>,
  ): Promise<R | NoTurn>;
  /** An account is going to be told of, from now on until it leaves, under the token of its lease. It leaves when its call has ended. */
  enter(token: number): void;
  /** It is going to call: it is not counted on any more to need a turn, it asks for one. */
  decided(token: number): void;
  leave(token: number): void;
  /** How many calls could begin now without a wait worth speaking of. */
  readonly room: number;
  /** The cluster's allowed rate when it was last read, calls a second; 0 before. */
  readonly rate: number;
  readonly inFlight: number;
};

/** The call was not made: the regulator does not answer, or the rate allows no call in time. */
export class NoTurn {
  readonly outcome: Outcome<never>;

  constructor(shut: boolean) {
    this.outcome = shut ? { kind: 'unavailable' } : { kind: 'throttled', retryAfterMs: 1_000 };
  }
}

/** What the cluster shares (see `store/gate` and `store/rate`). */
export type Gate = SharedSlots &
  SharedBreaker & {
    read(): Promise<{ shut: boolean; rate: number; backlogMs: number }>;
    cut(cutNo: number, retryAfterMs: number): Promise<number | null>;
  };

export type PaceOptions = {
  /** Calls at once. Accounts are claimed beyond it, as many as calls end soon: who comes next is ready when a call ends. */
  maxInFlight: number;
  /** Failures in a row, without a success between them, that shut the gate. */
  failuresToShut: number;
  gate: Gate;
  clock: Clock;
  /** Told when the regulator goes away and comes back. */
  onChange(answering: boolean): void;
};

/**
 * Accounts are claimed for the slots of so long ahead, and again when a quarter of them is left: late enough for the freshest, early enough for what goes
 * before a call. A slot that nobody has come for by then is lost.
 */
const AHEAD_MS = 400;
/** Beyond the calls under way they are claimed for those that end within this time. */
const ENDING_MS = 250;
/** And never more of them than this many times the calls at once. */
const MOST_AHEAD = 4;
const PROBE_LOOK_MS = 1_000;
const LEAST_PAUSE_MS = 10;
/** After a call that found no turn, reports are not counted on to share calls for so long. */
const CAREFUL_MS = 5_000;
/** A turn that waited longer for a place than this is void: turns that are saved up would be used in a burst. */
const STALE_MS = 250;
/** Why a pause is cut short; without a reason of its own a signal makes an error, with its stack. */
const AWAKE = 'awake';

/** Outcomes of calls that the regulator took without complaint: the rate may grow. */
const ANSWERED: ReadonlySet<Outcome<unknown>['kind']> = new Set(['accepted', 'already', 'rejected']);

export function openPace({ maxInFlight, failuresToShut, gate, clock, onChange }: PaceOptions): Pace {
  const concurrency = openConcurrency(maxInFlight);
  const turns = openTurns(gate, clock);
  const breaker = openBreaker(gate, failuresToShut, onChange);
  const places = openPlaces(() => concurrency.limit, clock);
  const inFlight = new Set<number>();
  const undecided = new Set<number>(); // of those in flight: not known yet whether they need a call
  let room = 0;
  let rate = 0;
  let full = false;
  let pauseMs = 0;
  let carefulUntil = 0;
  let lastCut = -1;
  let ended = Promise.withResolvers<void>();

  const learn = (outcome: Outcome<unknown>, cutNo: number): Promise<unknown> | undefined => {
    if (ANSWERED.has(outcome.kind)) turns.succeeded();
    if (outcome.kind !== 'throttled' || cutNo <= lastCut) return breaker.learn(outcome);
    lastCut = cutNo;
    return gate.cut(cutNo, outcome.retryAfterMs).then(() => breaker.learn(outcome));
  };

  /** How many accounts may be claimed as far as calls under way are concerned; 0 if so few that more are waited for: they share statements. */
  const freeNow = (): number => {
    const ahead = Math.min(MOST_AHEAD * maxInFlight, concurrency.endingWithin(ENDING_MS));
    const free = concurrency.limit + ahead - inFlight.size;
    full = free < Math.max(1, ahead / 2);
    return full ? 0 : free;
  };

  const noTurn = ({ kind }: Exclude<Turn, { kind: 'turn' }>): NoTurn => {
    if (kind === 'late') carefulUntil = clock.monotonic() + CAREFUL_MS;
    return new NoTurn(kind === 'shut');
  };

  return {
    hasRoom() {
      pauseMs = PROBE_LOOK_MS;
      return freeNow() > 0;
    },
    async permits(wanted, perCall = 1) {
      pauseMs = PROBE_LOOK_MS;
      const free = Math.min(wanted, freeNow());
      if (free <= 0) return 0;
      const state = await gate.read();
      breaker.told(state.shut);
      rate = state.rate;
      room = Math.max(0, Math.ceil(((AHEAD_MS - state.backlogMs) / 1_000) * state.rate));
      if (state.shut) return inFlight.size === 0 && (await breaker.mayProbe()) ? 1 : 0;
      pauseMs = Math.min(Math.max(LEAST_PAUSE_MS, state.backlogMs - AHEAD_MS / 4), PROBE_LOOK_MS);
      if (state.backlogMs > AHEAD_MS / 2) return 0; // not one by one: what is claimed together is written together
      const shared = clock.monotonic() < carefulUntil ? 1 : perCall;
      return Math.max(0, Math.min(free, room * shared - undecided.size));
    },
    async ready(signal) {
      if (!full) return clock.sleep(pauseMs, signal);
      const done = new AbortController();
      const pause = clock.sleep(pauseMs, AbortSignal.any([signal, done.signal]));
      await Promise.race([pause, ended.promise]);
      done.abort(AWAKE);
    },
    async call({ startBy, signal }, run, judge) {
      const wish = { startBy, signal, probing: breaker.probing };
      let turn = await turns.take(wish);
      if (turn.kind !== 'turn') return noTurn(turn);
      const turnAt = clock.monotonic();
      const place = places.take(startBy, signal);
      if (place !== true && !(await place)) return noTurn({ kind: 'late' });
      try {
        if (clock.monotonic() - turnAt > STALE_MS) turn = await turns.take(wish);
        if (turn.kind !== 'turn') return noTurn(turn);
        const started = clock.monotonic();
        const result = await run();
        concurrency.observe(clock.monotonic() - started);
        const learning = learn(judge(result), turn.cutNo);
        if (learning !== undefined) await learning.catch(() => {}); // the database is away: the next outcome says it again
        return result;
      } finally {
        places.giveBack();
      }
    },
    enter(token) {
      inFlight.add(token);
      undecided.add(token);
    },
    decided: (token) => undecided.delete(token),
    leave(token) {
      undecided.delete(token);
      if (!inFlight.delete(token) || freeNow() === 0) return;
      ended.resolve();
      ended = Promise.withResolvers();
    },
    get room() {
      return room;
    },
    get rate() {
      return rate;
    },
    get inFlight() {
      return inFlight.size;
    },
  };
}
