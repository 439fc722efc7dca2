import { z } from 'zod';
import type { Outcome } from '../domain/outcome.ts';
import { parseSessionStatus, type Session } from '../domain/session.ts';

/** An answer as it came: the status, the headers that matter, the body as text (null: longer than allowed). */
export type WireAnswer = { status: number; retryAfter: string | null; body: string | null };

/** What an answer says before its body is read as a particular one. */
type Refusal = Exclude<Outcome<never>, { kind: 'accepted' }>;
type Read = { kind: 'body'; body: unknown } | Refusal;

const errorBody = z.object({ error: z.object({ code: z.coerce.string().max(64), message: z.unknown().optional() }) });
const text = z.string().min(1).max(128);
const time = z.iso.datetime({ offset: true }).transform((value) => new Date(value));
const sessionShape = z.object({ id: text, status: text, startedAt: time.nullish(), endGuess: time.nullish() });
const reportBody = z.object({ session: sessionShape.nullish() });
const sessionBody = z.object({ session: sessionShape.nullable() });
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
  const error = errorBody.safeParse(body);
  if (error.success) return readError(error.data.error.code);
  const parsed = reportBody.safeParse(body);
  if (!parsed.success) {
    const told = typeof body === 'object' && body !== null && 'session' in body;
    return told ? { kind: 'accepted', value: null } : { kind: 'unknown', reason: 'unreadable' };
  }
  return { kind: 'accepted', value: parsed.data.session ? toSession(parsed.data.session, now) : null };
}

/** Reads an answer to "which session". An unreadable one is unknown: a reading that cannot be understood tells nothing. */
export function readSession(answer: WireAnswer, now: Date): Outcome<Session | null> {
  const read = readAnswer(answer);
  if (read.kind !== 'body') return read;
  const parsed = sessionBody.safeParse(read.body);
  if (!parsed.success) return { kind: 'unknown', reason: 'unreadable' };
  return { kind: 'accepted', value: parsed.data.session && toSession(parsed.data.session, now) };
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
  const error = errorBody.safeParse(json);
  if (error.success) return readError(error.data.error.code);
  if (status === 400 || status === 409 || status === 422) return { kind: 'rejected', reason: 'refused' };
  if (status !== 200) return { kind: 'unknown', reason: 'unexpected_status' };
  return json === undefined ? { kind: 'unknown', reason: 'unreadable' } : { kind: 'body', body: json };
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

const DAY_MS = 86_400_000;

/** An end that is not within a year of now is a mistake, not a fact: it is left out. */
function toSession(shape: z.infer<typeof sessionShape>, now: Date): Session {
  const { status, raw } = parseSessionStatus(shape.status);
  const sane = (date: Date | null | undefined) =>
    date && Math.abs(date.getTime() - now.getTime()) < 366 * DAY_MS ? date : null;
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
