import type { Outcome } from '../domain/outcome.ts';
import type { Clock } from '../runtime/clock.ts';

/**
 * How many calls may go to the regulator now: bounded in number and in rate, and, while the regulator does not answer, one probe at a time
 * for the whole cluster. The gate is shared through the database; number and rate are this instance's.
 */
export type Pace = {
  /** How many accounts may be claimed now, 0 to `wanted`. */
  permits(wanted: number): Promise<number>;
  /** Resolves when there may be permits again: a look has ended, the rate allows more, a probe may be due, or `signal` aborts. */
  ready(signal: AbortSignal): Promise<void>;
  /** Runs one call and learns from its outcome. */
  call<T>(work: () => Promise<Outcome<T>>): Promise<Outcome<T>>;
  /** An account is worked on, until the returned function is called. */
  enter(): () => void;
  readonly inFlight: number;
};

/** The gate, as the cluster shares it (see `store/gate`). */
export type Gate = {
  isOpen(): Promise<boolean>;
  open(): Promise<boolean>;
  takeProbe(): Promise<boolean>;
  close(): Promise<void>;
};

export type PaceOptions = {
  maxInFlight: number;
  /** Calls a second, the ceiling of this instance. */
  maxRate: number;
  /** Failures in a row, without a success between them, that shut the gate. */
  failuresToShut: number;
  gate: Gate;
  clock: Clock;
  /** Told when the regulator goes away and comes back. */
  onChange(answering: boolean): void;
};

/** The bucket holds a tenth of a second's worth: calls never come in bursts of more. */
const BURST_SECONDS = 0.1;
const PROBE_LOOK_MS = 1_000;

export function openPace({ maxInFlight, maxRate, failuresToShut, gate, clock, onChange }: PaceOptions): Pace {
  const capacity = Math.max(1, maxRate * BURST_SECONDS);
  let inFlight = 0;
  let failures = 0;
  let shut = false;
  let probing = false;
  let tokens = capacity;
  let refilledAt = clock.monotonic();
  let ended = Promise.withResolvers<void>();

  const refill = () => {
    const now = clock.monotonic();
    tokens = Math.min(capacity, tokens + ((now - refilledAt) / 1000) * maxRate);
    refilledAt = now;
  };

  const learn = async (outcome: Outcome<unknown>) => {
    const failed = outcome.kind === 'unavailable' || outcome.kind === 'unknown' || outcome.kind === 'unauthorised';
    failures = failed ? failures + 1 : 0;
    probing = false;
    if (failed && failures >= failuresToShut && !shut) {
      shut = true;
      if (await gate.open()) onChange(false);
    }
    if (!failed && shut) {
      shut = false;
      await gate.close();
      onChange(true);
    }
  };

  return {
    async permits(wanted) {
      refill();
      const free = Math.min(wanted, maxInFlight - inFlight, Math.floor(tokens));
      if (free <= 0) return 0;
      shut = await gate.isOpen();
      if (!shut) return free;
      if (inFlight > 0) return 0;
      // A probe is spent by a call; a look that needs none leaves it to the next.
      probing ||= await gate.takeProbe();
      return probing ? 1 : 0;
    },
    async ready(signal) {
      refill();
      const untilToken = Math.max(0, ((1 - tokens) / maxRate) * 1000);
      const pause = shut ? PROBE_LOOK_MS : inFlight >= maxInFlight ? PROBE_LOOK_MS : Math.max(1, untilToken);
      const done = new AbortController();
      await Promise.race([ended.promise, clock.sleep(pause, AbortSignal.any([signal, done.signal]))]);
      done.abort();
    },
    async call(work) {
      refill();
      tokens -= 1;
      const outcome = await work();
      await learn(outcome).catch(() => {}); // the database is away: the next outcome says it again
      return outcome;
    },
    enter() {
      inFlight += 1;
      return () => {
        inFlight -= 1;
        ended.resolve();
        ended = Promise.withResolvers();
      };
    },
    get inFlight() {
      return inFlight;
    },
  };
}
