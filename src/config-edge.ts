import { z } from 'zod';
import { ACTIONS } from './api/error-reasons.ts';
import { count, ms, section } from './config-limits.ts';

/** The limits of the edge: what others ask, and who they are. */
const display = z.enum(['full', 'masked', 'fact']);

/** Opens something in an app or on a page of ours: no script, and nothing in it but what is said. */
const actionUrl = z
  .string()
  .max(500)
  .refine((template) => {
    const filled = template.replaceAll('{lang}', 'ru').replaceAll('{reason}', 'ID_MISMATCH');
    return !/[{}\s]|^(javascript|data|vbscript|file|blob):/i.test(filled) && URL.canParse(filled);
  }, 'must be a URL, with {lang} and {reason} as all that is filled in');
const actionUrls = z.partialRecord(z.enum(ACTIONS), actionUrl);
const app = z.string().regex(/^[a-z0-9_.-]{1,64}$/);

export const api = section({
  /** How much of the id its driver sees. */
  idDisplay: display.default('masked'),
  /** The same by app, as X-Request-Application names it in lower case. */
  idDisplayByApp: z.record(app, display).default({}),
  /** Links in refusals by action (`ENTER_ID`, `SIGN_IN`, `TRY_AGAIN`, `TRY_LATER`): of every app, and instead of those of one app. */
  actionUrls: actionUrls.default({}),
  actionUrlsByApp: z.record(app, actionUrls).default({}),
  /** Of a driver's call, within which the app gets an answer. */
  deadlineMs: ms(4_000),
  /** Of one reading of the database for such a call. */
  readTimeoutMs: ms(900),
  /** With the database away a driver is told from memory what is no older than this. */
  maxCopyAgeMs: ms(600_000, 0),
  /** That an id is not of the licence is told after a multiple of this. */
  refusalStepMs: ms(250),
  /** Attempts at ids: how many at once, and one more each step. Of one person, of one address (many drivers may share one), of all. */
  personAttempts: count(10, 1, 1_000),
  personStepMs: ms(900_000),
  addressAttempts: count(100, 1, 100_000),
  addressStepMs: ms(10_000),
  serviceAttempts: count(500, 1, 100_000),
  serviceStepMs: ms(200),
});

export const auth = section({
  /** The one by which tokens are signed. */
  algorithm: z.enum(['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256']).default('ES256'),
  /** By how much clocks may differ. */
  leewayMs: ms(5_000, 0),
  /** How often the keys are read again. */
  refreshMs: ms(60_000),
  /** How soon after the last reading a token of an unknown key may cause another. */
  cooldownMs: ms(5_000),
  cachedTokens: count(20_000, 1),
  /** Services that vouch for drivers: their requests may name one by headers. */
  proxies: z.array(z.string().regex(/^[!-+\--~]{1,64}$/)).default(['driver-gateway']),
});

export const listener = section({
  /** Connections, and requests in hand: of all callers together, and of one address. */
  maxConnections: count(4_096),
  maxConnectionsPerAddress: count(2_048),
  maxRequests: count(8_192),
  maxRequestsPerAddress: count(4_096),
  maxStreamsPerConnection: count(256, 1, 10_000),
  maxHeaderBytes: count(16_384, 4_096, 262_144),
  /** Of a message as it comes, and again when it is unpacked. */
  maxMessageBytes: count(4 * 1024 * 1024, 65_536, 64 * 1024 * 1024),
  /** How long the body of a request may take. */
  bodyTimeoutMs: ms(30_000),
  /** How long a connection without a request is kept. */
  idleTimeoutMs: ms(300_000, 1_000),
  /** How often the files of the certificate are read again. */
  certificateMs: ms(10_000),
  /** Who has taken nothing of an answer for so long is cut off. */
  stallMs: ms(30_000, 1_000),
});
