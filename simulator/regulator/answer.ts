import type { Ask, StatusItem } from './ask.ts';
import type { CallRecord } from './call-log.ts';
import type { FaultRule, Faults } from './faults.ts';
import type { Registry, ReportResult } from './registry.ts';
import type { RegulatorSettings } from './settings.ts';
import { type Shift, type ShiftView, viewShift } from './shift.ts';
import type { Tokens } from './tokens.ts';

/** What is to be sent, and the word for it in the call log. */
export type Answer = { status: number; body: unknown; word: string; headers?: Record<string, string> };

export type Books = {
  registry: Registry;
  tokens: Tokens;
  faults: Faults;
  settings: RegulatorSettings;
  now: () => number;
};

type ItemAnswer = { driverId: string; session?: ShiftView | null; error?: { code: string; message: string } };

/** Does what the call asks and makes the proper answer. `records` are the call's, one for each driver it names. */
export function answerAsk(books: Books, ask: Ask, records: readonly CallRecord[]): Answer {
  switch (ask.kind) {
    case 'authenticate':
      return answerLogin(books, ask.login, ask.password);
    case 'check': {
      const result = books.registry.check(ask.driverId, ask.licence);
      return { status: 200, body: result, word: result.valid ? 'valid' : 'invalid' };
    }
    case 'session': {
      if (!books.settings.canReadSession) return plainError(404, 'NOT_FOUND');
      const shift = books.registry.shift(ask.driverId, books.now());
      return { status: 200, body: { session: view(books, shift) }, word: shift ? 'session' : 'noSession' };
    }
    case 'status': {
      const result = applyItem(books, ask, records[0]!);
      if (result.kind === 'error') return errorInside(result.code);
      return { status: 200, body: { session: view(books, result.shift) }, word: 'accepted' };
    }
    case 'batch':
      return answerBatch(books, ask.items, records);
    default:
      return ask satisfies never;
  }
}

/** An error inside a 200. */
export function errorInside(code: string | number): Answer {
  const word = code === 'ALREADY' ? 'already' : String(code) === '950' ? 'tokenExpired' : `error ${code}`;
  return { status: 200, body: { error: { code, message: `refused: ${code}` } }, word };
}

export function throttled(retryAfter: string | null): Answer {
  const headers = retryAfter ? { 'retry-after': retryAfter } : {};
  return { status: 429, body: { error: { code: 'TOO_MANY', message: 'slow down' } }, word: 'throttled', headers };
}

export function plainError(status: number, code: string): Answer {
  return { status, body: { error: { code, message: code.toLowerCase() } }, word: `http ${status}` };
}

function answerLogin({ tokens, now }: Books, login: unknown, password: unknown): Answer {
  const result = tokens.login(login, password, now());
  if (result.kind === 'throttled') return throttled(String(Math.ceil(result.retryAfterMs / 1_000)));
  if (result.kind === 'wrong') return plainError(401, 'WRONG_LOGIN');
  return { status: 200, body: { token: result.token }, word: 'token' };
}

function answerBatch(books: Books, items: readonly StatusItem[], records: readonly CallRecord[]): Answer {
  if (!books.settings.batch) return plainError(404, 'NOT_FOUND');
  if (items.length > books.settings.maxBatch) return plainError(413, 'TOO_LARGE');
  const results = items.flatMap((item, at) => answerItem(books, item, records[at]!) ?? []);
  return { status: 200, body: { results }, word: 'batch' };
}

/** Null: the item is left out of the answer. */
function answerItem(books: Books, item: StatusItem, record: CallRecord): ItemAnswer | null {
  const { driverId } = item;
  const refused = (code: string) => ({ driverId, error: { code, message: `refused: ${code}` } });
  const fault = drawItemFault(books, item);
  if (fault) record.fault = fault.kind;
  if (fault?.kind === 'batchItemError' || fault?.kind === 'blocked') {
    books.registry.noteRefusal(driverId, item.connected, books.now());
    return refused(fault.kind === 'blocked' ? 'DRIVER_BLOCKED' : (fault.code ?? 'INTERNAL'));
  }
  const result = applyItem(books, item, record);
  if (fault) return null;
  return result.kind === 'error' ? refused(result.code) : { driverId, session: view(books, result.shift) };
}

function drawItemFault({ faults, now }: Books, item: StatusItem): FaultRule | null {
  const subject = { kind: 'batch', driverId: item.driverId, connected: item.connected } as const;
  return faults.draw(subject, now(), ['batchItemError', 'batchItemMissing', 'blocked']).fault;
}

function applyItem({ registry, now }: Books, item: StatusItem, record: CallRecord): ReportResult {
  const atMs = now();
  const result = registry.report(item.driverId, item, atMs);
  record.appliedAtMs = atMs;
  record.effect = result.kind === 'error' ? result.code : result.kind;
  return result;
}

function view({ settings, now }: Books, shift: Shift | null) {
  return shift && viewShift(shift, now(), settings);
}
