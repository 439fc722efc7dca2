import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import type { Clock } from '../runtime/clock.ts';
import { type Caller, isPlainName, NotAdmitted } from './caller.ts';
import { appNameOf } from './driver-headers.ts';
import type { KeySet } from './key-set.ts';

/** One who makes tokens, and for whom. */
export type Issuer = {
  /** `iss` of its tokens. */
  name: string;
  /** Whom its tokens may speak for: drivers' tokens come from elsewhere than services', and neither can make the other's. */
  kinds: readonly ('driver' | 'service' | 'engineer')[];
  keys: KeySet;
};

export type TokenOptions = {
  issuers: readonly Issuer[];
  /** `aud` must hold it. */
  audience: string;
  /** The only one that is taken, whatever a token says of itself. */
  algorithm: string;
  /** By how much clocks may differ. */
  leewayMs: number;
  /** How many verified tokens are remembered. */
  cacheSize: number;
  clock: Clock;
};

export type Tokens = {
  /** Whom a token speaks for. At once if it was verified before and still holds. Throws `NotAdmitted`. */
  verify(token: string): Caller | Promise<Caller>;
  notReady(): string | null;
};

type Verified = { caller: Caller; untilMs: number; issuer: Issuer; keysVersion: number };

const MAX_TOKEN_LENGTH = 4_096;

/**
 * Verifies tokens: signature by a key of the issuer that they name, algorithm, issuer, audience, times, and claims.
 *
 * Claims: `kind` is `service`, `engineer` or `driver`; of the first two `sub` is the name; a driver has `park_id`, `driver_id` and perhaps `app`.
 * `exp` is a must. A verified token is remembered by its text until it expires or the keys of its issuer change; refusals are not remembered.
 */
export function openTokens(options: TokenOptions): Tokens {
  const { issuers, audience, algorithm, leewayMs, cacheSize, clock } = options;
  const known = new Map<string, Verified>();

  const recall = (token: string): Caller | null => {
    const found = known.get(token);
    if (!found) return null;
    if (clock.now() < found.untilMs && found.keysVersion === found.issuer.keys.version()) return found.caller;
    known.delete(token);
    return null;
  };

  const remember = (token: string, verified: Verified) => {
    if (known.size >= cacheSize) known.delete(known.keys().next().value!);
    known.set(token, verified);
  };

  const verifyAnew = async (token: string): Promise<Caller> => {
    if (token.length > MAX_TOKEN_LENGTH) throw new NotAdmitted('invalid', 'malformed');
    const issuer = issuers.find(({ name }) => name === issuerOf(token));
    if (!issuer) throw new NotAdmitted('invalid', 'issuer');
    const keysVersion = issuer.keys.version();
    const { payload } = await jwtVerify(token, issuer.keys.find, {
      algorithms: [algorithm],
      issuer: issuer.name,
      audience,
      requiredClaims: ['exp', 'kind'],
      clockTolerance: leewayMs / 1_000,
      currentDate: new Date(clock.now()),
    }).catch((error: unknown) => {
      throw new NotAdmitted('invalid', detailOf(error));
    });
    const caller = callerOf(payload);
    if (!caller || !issuer.kinds.some((kind) => kind === caller.kind)) throw new NotAdmitted('invalid', 'claims');
    remember(token, { caller, untilMs: payload.exp! * 1_000 + leewayMs, issuer, keysVersion });
    return caller;
  };

  return {
    verify: (token) => recall(token) ?? verifyAnew(token),
    notReady: () => (issuers.every(({ keys }) => keys.version() > 0) ? null : 'keys of callers are not loaded'),
  };
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    throw new NotAdmitted('invalid', 'malformed');
  }
}

function callerOf({ kind, sub, park_id: parkId, driver_id: driverId, app }: JWTPayload): Caller | null {
  if (kind === 'driver') {
    if (!isPlainName(parkId) || !isPlainName(driverId)) return null;
    return { kind, parkId, driverId, app: appNameOf(typeof app === 'string' ? app : ''), byProxy: false };
  }
  return (kind === 'service' || kind === 'engineer') && isPlainName(sub) ? { kind, name: sub } : null;
}

const DETAILS: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'expired',
  ERR_JOSE_ALG_NOT_ALLOWED: 'algorithm',
  ERR_JWKS_NO_MATCHING_KEY: 'key',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'signature',
};

/** A word for the metric. */
function detailOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed) {
    const claims: Readonly<Record<string, string>> = { aud: 'audience', nbf: 'not_yet_valid', iss: 'issuer' };
    return claims[error.claim] ?? 'claims';
  }
  return (error instanceof errors.JOSEError && DETAILS[error.code]) || 'malformed';
}
