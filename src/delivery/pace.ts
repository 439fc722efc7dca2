import type { Outcome } from '../domain/outcome.ts';
import type { Clock } from '../runtime/clock.ts';
import { openBreaker, type SharedBreaker } from './pace-breaker.ts';
import { AwaitedCall, NoTurn, type PacedCall } from './pace-call.ts';
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
  /** Makes a call when its turn has come and there is a place for it, and learns from its outcome; in time or not at all, see `PacedCall`. */
  begin(call: PacedCall): void;
  /** The same for somebody who awaits it. `judge`: what the pace learns from a result. If it was not made the result is a `NoTurn`. */
  call<R>(
    wait: { startBy: number; signal: AbortSignal },
    run: () => Promise<R>,
    judge: (result: R) => Outcome<unknown>,
  ): Promise<R | NoTurn>;
  /** So many accounts are going to be told of, each from now on until it leaves. */
  enter(accounts: number): void;
  /** One of them is going to call: it is not counted on any more to need a turn, it asks for one. To be said once. */
  decided(): void;
  /** One of them has no call under way any more and makes no other; `undecided`: it was not going to call. To be said once. */
  leave(undecided: boolean): void;
  /** How many calls could begin now without a wait worth speaking of. */
  readonly room: number;
  /** The cluster's allowed rate when it was last read, calls a second; 0 before. */
  readonly rate: number;
  readonly inFlight: number;
};

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
  const breaker = openBreaker(gate, failuresToShut, onChange);
  let inFlight = 0;
  let undecided = 0; // of those in flight: not known yet whether they need a call
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
    const free = concurrency.limit + ahead - inFlight;
    full = free < Math.max(1, ahead / 2);
    return full ? 0 : free;
  };

  const noTurn = ({ kind }: Exclude<Turn, { kind: 'turn' }>): NoTurn => {
    if (kind === 'late') carefulUntil = clock.monotonic() + CAREFUL_MS;
    return new NoTurn(kind === 'shut');
  };

  const turns = openTurns(gate, clock, {
    deal(call, turn) {
      if (turn.kind === 'turn') {
        call.cutNo = turn.cutNo;
        call.turnAt = clock.monotonic();
        if (call.hasPlace) make(call);
        else places.take(call);
      } else {
        leavePlace(call);
        call.missed(noTurn(turn));
      }
    },
    fail(call, error) {
      leavePlace(call);
      call.failed(error);
    },
  });

  const places = openPlaces(
    () => concurrency.limit,
    clock,
    (call, has) => {
      call.hasPlace = has;
      if (!has) call.missed(noTurn({ kind: 'late' }));
      else if (clock.monotonic() - call.turnAt > STALE_MS) turns.take(call);
      else make(call);
    },
  );

  const make = (call: PacedCall): void => {
    const fail = (error: unknown) => {
      leavePlace(call);
      call.failed(error);
    };
    call.startedAt = clock.monotonic();
    try {
      call.run().then((outcome) => learnFrom(call, outcome), fail);
    } catch (error) {
      fail(error);
    }
  };

  const learnFrom = (call: PacedCall, outcome: Outcome<unknown>): void => {
    concurrency.observe(clock.monotonic() - call.startedAt);
    const learning = learn(outcome, call.cutNo);
    if (learning === undefined) end(call);
    else void learning.catch(() => {}).then(() => end(call)); // the database is away: the next outcome says it again
  };

  const end = (call: PacedCall): void => {
    leavePlace(call);
    call.ended();
  };

  const leavePlace = (call: PacedCall): void => {
    if (call.hasPlace) places.giveBack();
    call.hasPlace = false;
  };

  const begin = (call: PacedCall): void => {
    call.probing = breaker.probing;
    turns.take(call);
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
      if (state.shut) return inFlight === 0 && (await breaker.mayProbe()) ? 1 : 0;
      pauseMs = Math.min(Math.max(LEAST_PAUSE_MS, state.backlogMs - AHEAD_MS / 4), PROBE_LOOK_MS);
      if (state.backlogMs > AHEAD_MS / 2) return 0; // not one by one: what is claimed together is written together
      const shared = clock.monotonic() < carefulUntil ? 1 : perCall;
      return Math.max(0, Math.min(free, room * shared - undecided));
    },
    async ready(signal) {
      if (!full) return clock.sleep(pauseMs, signal);
      const done = new AbortController();
      const pause = clock.sleep(pauseMs, AbortSignal.any([signal, done.signal]));
      await Promise.race([pause, ended.promise]);
      done.abort(AWAKE);
    },
    begin,
    call(wait, run, judge) {
      const call = new AwaitedCall(wait, run, judge);
      begin(call);
      return call.result;
    },
    enter(accounts) {
      inFlight += accounts;
      undecided += accounts;
    },
    decided() {
      undecided -= 1;
    },
    leave(wasUndecided) {
      inFlight -= 1;
      if (wasUndecided) undecided -= 1;
      if (freeNow() === 0) return;
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
      return inFlight;
    },
  };
}
