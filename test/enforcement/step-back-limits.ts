import type { Situation, StepBackLimits } from '../../src/enforcement/step-back.ts';

export function limitsWith(fields: Partial<StepBackLimits>): StepBackLimits {
  return {
    lostShare: 0.1,
    unknownShare: 0.2,
    dataAgeMs: 30_000,
    regulatorDownMs: 60_000,
    minConnected: 100,
    returnAfterMs: 600_000,
    returnsADay: 2,
    ...fields,
  };
}

export function readingOf(fields: Partial<NonNullable<Situation['reading']>>): NonNullable<Situation['reading']> {
  return { connected: 1_000, lost: 0, unknown: 0, dataAgeMs: 0, ageMs: 0, ...fields };
}
