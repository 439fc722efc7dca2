import { setTimeout as pause } from 'node:timers/promises';
import { type Availability, openAvailability } from '../http/availability.ts';
import { BadCall, sendBadCall, turnedAway } from '../http/exchange.ts';
import { type Handler, type HttpCall, serve } from '../http/serve.ts';
import { type Answer, answerAsk, type Books, errorInside, plainError, throttled } from './answer.ts';
import { type Ask, readAsk, type StatusItem } from './ask.ts';
import { type CallLog, type CallRecord, openCallLog } from './call-log.ts';
import { type FaultRule, type Faults, faultKinds, openFaults } from './faults.ts';
import { type Delay, misbehave, refuses, sendAnswer } from './misbehave.ts';
import { openRateLimit } from './rate-limit.ts';
import { canonicalId, openRegistry, type Registry } from './registry.ts';
import { kindSettings, type RegulatorSettings } from './settings.ts';
import { openTokens, type Tokens } from './tokens.ts';

/**
 * The regulator: speaks the assumed Moscow wire, knows its drivers, opens and ends their shifts, and misbehaves on demand.
 *
 * Guarantees: an effect and its entry in the account's history are one step; each call is in the log from its first byte read to its
 * answer; overlapping reports of one driver are seen even if the caller has given up on the first. Not guaranteed: more calls kept than
 * `maxCalls`, and real time limits of faults under a full processor.
 */
export type Regulator = {
  readonly handle: Handler;
  readonly settings: RegulatorSettings;
  readonly registry: Registry;
  readonly tokens: Tokens;
  readonly faults: Faults;
  readonly calls: CallLog;
  readonly availability: Availability;
  /** Drops what is still held back. */
  stop(): void;
};

export type RegulatorOptions = {
  settings?: Partial<RegulatorSettings>;
  seed?: number | string;
  now?: () => number;
  maxCalls?: number;
  /** Passes the time for which faults hold calls back, in ms; real time if it is not given. */
  delay?: Delay;
};

export type RegulatorServer = Regulator & AsyncDisposable & { readonly url: string; close(): Promise<void> };

/** A regulator on a port of its own (0: any free one). */
export async function openRegulator(options: RegulatorOptions & { port?: number } = {}): Promise<RegulatorServer> {
  const regulator = makeRegulator(options);
  const server = await serve(regulator.handle, { port: options.port ?? 0, availability: regulator.availability });
  const close = () => {
    regulator.stop();
    return server.close();
  };
  return { ...regulator, url: server.url, close, [Symbol.asyncDispose]: close };
}

/** A regulator without a port, to be mounted under a prefix. */
export function makeRegulator({
  settings: given = {},
  seed = 1,
  now = Date.now,
  maxCalls = 250_000,
  delay: ownDelay,
}: RegulatorOptions = {}): Regulator {
  const settings = { ...kindSettings, ...given };
  const books: Books = {
    settings,
    now,
    registry: openRegistry(settings),
    tokens: openTokens(settings),
    faults: openFaults(seed, now),
  };
  const calls = openCallLog(maxCalls);
  const availability = openAvailability();
  const rate = openRateLimit(() => settings.rateLimitPerSecond);
  const closing = new AbortController();
  const inRealTime: Delay = async (ms) => {
    await pause(ms, undefined, { signal: closing.signal, ref: false });
  };
  const delay = ownDelay ?? inRealTime;

  async function handle(call: HttpCall): Promise<void> {
    if (turnedAway(call, availability.mode)) return;
    const receivedAtMs = now();
    try {
      const ask = await readAsk(call);
      const records = beginRecords(calls, ask, receivedAtMs);
      try {
        const word = await serveAsk(call, ask, records);
        if (word !== null) for (const record of records) calls.answered(record, word, now());
      } finally {
        for (const record of records) calls.end(record);
      }
    } catch (problem) {
      if (!(problem instanceof BadCall)) throw problem;
      sendBadCall(call, problem);
    }
  }

  async function serveAsk(call: HttpCall, ask: Ask, records: CallRecord[]): Promise<string | null> {
    const atTheDoor = ask.kind === 'authenticate' ? null : refuseAtTheDoor(call);
    if (atTheDoor) return sendAnswer(call, atTheDoor);
    const { driverId, connected } = records[0] ?? { driverId: null, connected: null };
    const subject = ask.kind === 'batch' ? { driverId: null, connected: null } : { driverId, connected };
    const { latencyMs, fault } = books.faults.draw({ kind: ask.kind, ...subject }, now());
    for (const record of records) record.fault = fault?.kind ?? null;
    const before = latencyMs / 2 + (fault?.kind === 'lateApplication' ? (fault.ms ?? 3_000) : 0);
    if (before > 0) await delay(before);
    const answer = applies(fault) ? answerAsk(books, ask, records) : spared(fault, records);
    if (latencyMs > 0) await delay(latencyMs / 2);
    return fault ? misbehave(call, fault, answer, delay) : sendAnswer(call, answer);
  }

  function refuseAtTheDoor(call: HttpCall): Answer | null {
    const token = books.tokens.judge(call.request.headers.authorization, now());
    if (token === 'unknown') return plainError(401, 'UNAUTHORISED');
    if (token === 'expired') return errorInside('950');
    if (rate.take(now())) return null;
    return throttled(settings.rateLimitRetryAfterS === null ? null : String(settings.rateLimitRetryAfterS));
  }

  function spared(fault: FaultRule | null, records: CallRecord[]): Answer {
    if (fault && refuses(fault))
      for (const { driverId, connected } of records)
        if (driverId !== null && connected !== null) books.registry.noteRefusal(driverId, connected, now());
    return { status: 200, body: { session: null }, word: 'spared' };
  }

  return { ...books, handle, calls, availability, stop: () => closing.abort() };
}

function applies(fault: FaultRule | null): boolean {
  return fault === null || (fault.applies ?? faultKinds[fault.kind]);
}

function beginRecords(calls: CallLog, ask: Ask, atMs: number): CallRecord[] {
  const none = { driverId: null, connected: null, occurredAtMs: null };
  switch (ask.kind) {
    case 'authenticate':
      return [calls.begin({ kind: ask.kind, ...none }, atMs)];
    case 'check':
    case 'session':
      return [calls.begin({ kind: ask.kind, ...none, driverId: canonicalId(ask.driverId) }, atMs)];
    case 'status':
      return [beginReport(calls, 'status', ask, atMs)];
    case 'batch':
      return ask.items.map((item) => beginReport(calls, 'batch', item, atMs));
    default:
      return ask satisfies never;
  }
}

function beginReport(calls: CallLog, kind: 'status' | 'batch', item: StatusItem, atMs: number): CallRecord {
  const { driverId, connected, occurredAtMs } = item;
  return calls.begin({ kind, driverId: canonicalId(driverId), connected, occurredAtMs }, atMs);
}
