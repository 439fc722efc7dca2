import type { Outcome } from '../domain/outcome.ts';

/** The gate that all instances share: shut while the regulator does not answer, with the right to one probe now and then. */
export type SharedBreaker = {
  /** True for the one who found it open. */
  open(): Promise<boolean>;
  takeProbe(): Promise<boolean>;
  close(): Promise<void>;
};

/** Whether the regulator answers, as far as this instance knows: told by the shared gate, learned from outcomes. */
export type Breaker = {
  readonly shut: boolean;
  /** Whether the next call is a probe. */
  readonly probing: boolean;
  /** What the shared gate says. */
  told(shut: boolean): void;
  /** The right to one probe. A probe is spent by a call; a look that needs none leaves it to the next. */
  mayProbe(): Promise<boolean>;
  learn(outcome: Outcome<unknown>): Promise<void> | undefined;
};

export function openBreaker(
  gate: SharedBreaker,
  failuresToShut: number,
  onChange: (answering: boolean) => void,
): Breaker {
  let failures = 0;
  let shut = false;
  let probing = false;

  const change = async (toShut: boolean) => {
    shut = toShut;
    const changed = toShut ? await gate.open() : await gate.close().then(() => true);
    if (changed) onChange(!toShut);
  };

  return {
    get shut() {
      return shut;
    },
    get probing() {
      return probing;
    },
    told(isShut) {
      shut = isShut;
    },
    async mayProbe() {
      probing ||= await gate.takeProbe();
      return probing;
    },
    learn({ kind }) {
      const failed = kind === 'unavailable' || kind === 'unknown' || kind === 'unauthorised';
      failures = failed ? failures + 1 : 0;
      probing = false;
      if (failed ? failures >= failuresToShut && !shut : shut) return change(failed);
      return undefined;
    },
  };
}
