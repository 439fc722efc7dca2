import { z } from 'zod';
import type { Outcome } from '../domain/outcome.ts';
import { parseSessionStatus, type Session } from '../domain/session.ts';

/** An answer as it came: the status, the headers that matter, the body as text (null: longer than allowed). */
export type WireAnswer = { status: number; retryAfter: string | null; body: string | null };

/** What an answer says before its body is read as a particular one. */
type Refusal = Exclude<Outcome<never>, { kind: 'accepted' }>;
type Read = { kind: 'body'; body: unknown } | Refusal;

/** A shift as it comes. */
type SessionShape = { id: string; status: string; startedAt: Date | null; endGuess: Date | null };

const dateTime = z.core.regexes.datetime({ offset: true });
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
export function readReport(answer: WireAnswer, now: Date): Outcome<Session | null> {
  const read = readAnswer(answer);
  return read.kind === 'body' ? readReportBody(read.body, now) : read;
}

/** Reads what is said of one report: the body of an answer, or an item of a batch's answer. */
export function readReportBody(body: unknown, now: Date): Outcome<Session | null> {
  const code = errorCodeOf(body);
  if (code !== null) return readError(code);
  if (!isRecord(body) || !Object.hasOwn(body, 'session')) return { kind: 'unknown', reason: 'unreadable' };
  const shape = readShape(body['session']);
  return { kind: 'accepted', value: shape ? toSession(shape, now) : null };
}

/** Reads an answer to "which session". An unreadable one is unknown: a reading that cannot be understood tells nothing. */
export function readSession(answer: WireAnswer, now: Date): Outcome<Session | null> {
  const read = readAnswer(answer);
  if (read.kind !== 'body') return read;
  const told = isRecord(read.body) ? read.body['session'] : undefined;
  const shape = told === null ? null : readShape(told);
  if (shape === undefined) return { kind: 'unknown', reason: 'unreadable' };
  return { kind: 'accepted', value: shape && toSession(shape, now) };
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

/** Reads a shift as it comes; undefined if it cannot be read. By hand: it is read with every report. */
function readShape(value: unknown): SessionShape | undefined {
  if (!isRecord(value)) return undefined;
  const { id, status } = value;
  const [startedAt, endGuess] = [readTime(value['startedAt']), readTime(value['endGuess'])];
  if (!isText(id) || !isText(status) || startedAt === undefined || endGuess === undefined) return undefined;
  return { id, status, startedAt, endGuess };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= 128;
}

/** A time with its zone; null if there is none, undefined if it cannot be read. */
function readTime(value: unknown): Date | null | undefined {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' && dateTime.test(value) ? new Date(value) : undefined;
}

const DAY_MS = 86_400_000;

/** An end that is not within a year of now is a mistake, not a fact: it is left out. */
function toSession(shape: SessionShape, now: Date): Session {
  const { status, raw } = parseSessionStatus(shape.status);
  const sane = (date: Date | null) => (date && Math.abs(date.getTime() - now.getTime()) < 366 * DAY_MS ? date : null);
  const open = status === 'issued' || status === 'online';
  return {
    id: shape.id,
    status,
    raw,
    startedAt: sane(shape.startedAt),
    endsAt: sane(shape.endGuess),
    endIsEstimate: open,
  };
}
