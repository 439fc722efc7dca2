import type { RegistryRules } from './registry.ts';
import type { ShiftSettings } from './shift.ts';
import type { TokenRules } from './tokens.ts';

/** How the regulator is on the whole. Every field can be changed while it runs. */
export type RegulatorSettings = RegistryRules &
  TokenRules &
  ShiftSettings & {
    canReadSession: boolean;
    /** Whether `POST /drivers/status/batch` exists. */
    batch: boolean;
    /** Items a batch may have; more gets 413. */
    maxBatch: number;
    /** The hidden limit; infinite by default. */
    rateLimitPerSecond: number;
    /** Retry-After of the hidden limit, in seconds; none if null. */
    rateLimitRetryAfterS: number | null;
  };

/** A kind regulator: nothing is throttled, nothing expires, repeats are told so. */
export const kindSettings: RegulatorSettings = {
  login: 'service',
  password: 'secret',
  tokenLifeMs: Number.POSITIVE_INFINITY,
  loginsPerMinute: Number.POSITIVE_INFINITY,
  voidOldTokens: false,
  repeats: 'already',
  ordersByOccurredAt: false,
  shiftMs: 12 * 3_600_000,
  issuedShare: 1 / 3,
  issuedForMs: 2_000,
  canReadSession: true,
  batch: true,
  maxBatch: 100,
  rateLimitPerSecond: Number.POSITIVE_INFINITY,
  rateLimitRetryAfterS: 1,
};
