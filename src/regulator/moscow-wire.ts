import { z } from 'zod';
import type { Outcome } from '../domain/outcome.ts';
import type { Session } from '../domain/session.ts';
import { type Asked, isAnotherDriver, readShift } from './moscow-shift.ts';

/** An answer as it came: the status, the headers that matter, the body as text (null: longer than allowed). */
export type WireAnswer = { status: number; retryAfter: string | null; body: string | null };

/** What an answer says before its body is read as a particular one. */
type Refusal = Exclude<Outcome<never>, { kind: 'accepted' }>;
type Read = { kind: 'body'; body: unknown } | Refusal;

const checkBody = z.object({ valid: z.boolean(), reason: z.string().optional() });
const tokenBody = z.object({
  token: z
    .string()
    .min(1)
    .max(8_192)
    .regex(/^[\x21-\x7e]+$/),
});

/**
 * Reads an answer to a report. The body decides, not the status: errors come inside 200.
 * A body that accepts but whose session cannot be read is accepted without a session: the report took effect.
 */
export function readReport(answer: WireAnswer, asked: Asked): Outcome<Session | null> {
  const read = readAnswer(answer);
  return read.kind === 'body' ? readReportBody(read.body, asked) : read;
}

/**
 * Reads what is said of one report: the body of an answer, or an item of a batch's answer. What is said of another driver says nothing of this one.
 */
export function readReportBody(body: unknown, asked: Asked): Outcome<Session | null> {
  const code = errorCodeOf(body);
  if (code !== null) return readError(code);
  if (!isRecord(body) || !Object.hasOwn(body, 'session')) return { kind: 'unknown', reason: 'unreadable' };
  if (isAnotherDriver(body, asked)) return { kind: 'unknown', reason: 'another_driver' };
  return { kind: 'accepted', value: readShift(body['session'], asked) ?? null };
}

/** Reads an answer to "which session". An unreadable one is unknown: a reading that cannot be understood tells nothing. */
export function readSession(answer: WireAnswer, asked: Asked): Outcome<Session | null> {
  const read = readAnswer(answer);
  if (read.kind !== 'body') return read;
  const told = isRecord(read.body) ? read.body['session'] : undefined;
  if (isAnotherDriver(read.body, asked)) return { kind: 'unknown', reason: 'another_driver' };
  const shift = told === null ? null : readShift(told, asked);
  return shift === undefined ? { kind: 'unknown', reason: 'unreadable' } : { kind: 'accepted', value: shift };
}

export function readCheck(answer: WireAnswer): Outcome<{ matches: boolean }> {
  const read = readAnswer(answer);
  if (read.kind === 'rejected') return { kind: 'accepted', value: { matches: false } };
  if (read.kind !== 'body') return read;
  const parsed = checkBody.safeParse(read.body);
  return parsed.success
    ? { kind: 'accepted', value: { matches: parsed.data.valid } }
    : { kind: 'unknown', reason: 'unreadable' };
}

/** Reads an answer to a login. A refusal of login and password is `unauthorised`. */
export function readToken(answer: WireAnswer): Outcome<string> {
  const read = readAnswer(answer);
  if (read.kind === 'rejected') return { kind: 'unauthorised' };
  if (read.kind !== 'body') return read;
  const parsed = tokenBody.safeParse(read.body);
  return parsed.success ? { kind: 'accepted', value: parsed.data.token } : { kind: 'unknown', reason: 'unreadable' };
}

/** What an answer says of the whole call; its body, if it may be read on. */
export function readAnswer({ status, retryAfter, body }: WireAnswer): Read {
  if (status === 401 || status === 403) return { kind: 'unauthorised' };
  if (status === 429) return { kind: 'throttled', retryAfterMs: parseRetryAfter(retryAfter) };
  if (status >= 500) return { kind: 'unknown', reason: 'server_error' };
  if (body === null) return { kind: 'unknown', reason: 'too_large' };
  const json = parseJson(body);
  const code = errorCodeOf(json);
  if (code !== null) return readError(code);
  if (status === 400 || status === 409 || status === 422) return { kind: 'rejected', reason: 'refused' };
  if (status !== 200) return { kind: 'unknown', reason: 'unexpected_status' };
  return json === undefined ? { kind: 'unknown', reason: 'unreadable' } : { kind: 'body', body: json };
}

/** The code of an error that a body tells of, as text; null if it tells of none. An error that cannot be read is one all the same. */
function errorCodeOf(body: unknown): string | null {
  const error = isRecord(body) ? body['error'] : undefined;
  if (error === undefined || error === null) return null;
  const code = isRecord(error) ? error['code'] : undefined;
  return typeof code === 'string' || typeof code === 'number' ? String(code) : '';
}

function readError(code: string): Refusal {
  switch (code) {
    case '950':
      return { kind: 'unauthorised' };
    case 'ALREADY':
      return { kind: 'already' };
    case 'DRIVER_UNKNOWN':
      return { kind: 'rejected', reason: 'driver_unknown' };
    case 'DRIVER_BLOCKED':
      return { kind: 'rejected', reason: 'driver_blocked' };
    default:
      return { kind: 'unknown', reason: 'unrecognised_error' }; // nobody told us whether it had an effect
  }
}

/** Retry-After in seconds; anything else counts as one second. The caller bounds it from above. */
function parseRetryAfter(value: string | null): number {
  const seconds = Number(value ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : 1000;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
