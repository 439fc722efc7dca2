import type { Outcome } from '../domain/outcome.ts';

/** The call was not made: the regulator does not answer, or the rate allows no call in time. */
export class NoTurn {
  readonly outcome: Outcome<never>;

  constructor(shut: boolean) {
    this.outcome = shut ? { kind: 'unavailable' } : { kind: 'throttled', retryAfterMs: 1_000 };
  }
}

/**
 * A call on its way through the pace: it waits for its turn, then for a place, is made, and ends. One object all the way and no promise for each
 * step: thousands are under way at once. Exactly one of `ended`, `missed` and `failed` is called.
 */
export abstract class PacedCall {
  /** The call begins by then (of the monotonic clock), and before `signal` aborts, or not at all. */
  abstract readonly startBy: number;
  abstract readonly signal: AbortSignal;
  /** Whether it is to find out if the regulator answers again. Noted by the pace, as what follows. */
  probing = false;
  cutNo = -1;
  turnAt = 0;
  startedAt = 0;
  hasPlace = false;

  /** Makes the call. The pace learns from its outcome. */
  abstract run(): Promise<Outcome<unknown>>;
  /** It was made, and the pace has learned from it. */
  abstract ended(): void;
  /** It was not made. */
  abstract missed(none: NoTurn): void;
  /** It was not made since no turns could be asked for, or `run` rejected. */
  abstract failed(error: unknown): void;
}

/** A call that somebody awaits. */
export class AwaitedCall<R> extends PacedCall {
  readonly startBy: number;
  readonly signal: AbortSignal;
  readonly #make: () => Promise<R>;
  readonly #judge: (result: R) => Outcome<unknown>;
  readonly #told = Promise.withResolvers<R | NoTurn>();
  #result!: R;

  constructor(
    { startBy, signal }: { startBy: number; signal: AbortSignal },
    make: () => Promise<R>,
    judge: (result: R) => Outcome<unknown>,
  ) {
    super();
    this.startBy = startBy;
    this.signal = signal;
    this.#make = make;
    this.#judge = judge;
  }

  get result(): Promise<R | NoTurn> {
    return this.#told.promise;
  }

  async run(): Promise<Outcome<unknown>> {
    this.#result = await this.#make();
    return this.#judge(this.#result);
  }

  ended(): void {
    this.#told.resolve(this.#result);
  }

  missed(none: NoTurn): void {
    this.#told.resolve(none);
  }

  failed(error: unknown): void {
    this.#told.reject(error);
  }
}
