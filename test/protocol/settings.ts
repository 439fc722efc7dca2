import type { WorkerLimits } from '../../src/delivery/worker.ts';

/** Which regulator, and whether requests keep to the quiet time. */
export type Setting = {
  name: string;
  canReadSession: boolean;
  /** What a report of the state that already holds gets. */
  repeats: 'second_shift' | 'already' | 'harmless';
  /** A report whose occurredAt is not newer than the last applied one's has no effect. */
  ordersByOccurredAt: boolean;
  /** N: a request is applied no later than the quiet time after its deadline, and no process stalls between its check and its socket. */
  nHolds: boolean;
};

export const SETTINGS = {
  lookUp: {
    name: 'look-up',
    canReadSession: true,
    repeats: 'second_shift',
    ordersByOccurredAt: false,
    nHolds: true,
  },
  already: {
    name: 'no look-up, ALREADY',
    canReadSession: false,
    repeats: 'already',
    ordersByOccurredAt: false,
    nHolds: true,
  },
  fence: {
    name: 'N broken, ordered by occurredAt',
    canReadSession: false,
    repeats: 'harmless',
    ordersByOccurredAt: true,
    nHolds: false,
  },
  fenceReading: {
    name: 'N broken, ordered by occurredAt, look-up',
    canReadSession: true,
    repeats: 'harmless',
    ordersByOccurredAt: true,
    nHolds: false,
  },
  verify: {
    name: 'N broken, verified by look-up',
    canReadSession: true,
    repeats: 'harmless',
    ordersByOccurredAt: false,
    nHolds: false,
  },
} as const satisfies Record<string, Setting>;

const SECOND = 1_000;

export const LEASE_MS = 10 * SECOND;
export const PERSON_RETRY_MS = 30 * SECOND;

/** The limits of a run. Shorter than in production where only the order of things matters. */
export function limitsOf({ canReadSession, ordersByOccurredAt, repeats }: Setting): WorkerLimits {
  return {
    deadlineMs: 5 * SECOND,
    batch: 1,
    slackMs: 2 * SECOND,
    quietMs: 30 * SECOND,
    verifyAfterMs: 120 * SECOND,
    positionRetryMs: 30 * SECOND,
    parkMs: 900 * SECOND,
    maxParkMs: 3_600 * SECOND,
    retryMs: 60 * SECOND,
    maxRetryMs: 600 * SECOND,
    maxRetryAfterMs: 60 * SECOND,
    sessionEndSlackMs: 60 * SECOND,
    refreshMs: 86_400 * SECOND,
    issuedReadMs: 86_400 * SECOND,
    canReadSession,
    ordersByOccurredAt,
    repeatIsHarmless: repeats === 'harmless',
    maxAgeMs: 300 * SECOND,
    maxSilenceMs: 86_400 * SECOND,
  };
}
