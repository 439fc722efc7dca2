import type { Outcome } from '../domain/outcome.ts';
import type { Clock } from '../runtime/clock.ts';
import { openDeadline } from '../runtime/deadline.ts';
import type { Masked } from '../runtime/masked.ts';
import type { Timer } from '../runtime/metrics.ts';
import { batchRequest, openBatchSize, readBatch } from './moscow-batch.ts';
import type { Asked, Oddity } from './moscow-shift.ts';
import { readCheck, readReport, readSession, readToken, type WireAnswer } from './moscow-wire.ts';
import type { Capabilities, Regulator } from './regulator.ts';
import { openTokenSource, type Token, type TokenStore } from './token.ts';
import { openWireClient, type WireRequest } from './wire-client.ts';

export type MoscowOptions = {
  baseUrl: string;
  login: string;
  password: Masked<'Password'>;
  /** Of one call, with its login if it needs one. */
  deadlineMs: number;
  connectTimeoutMs: number;
  maxConnections: number;
  /** A token older than this is renewed while it is still in use. */
  renewAfterMs: number;
  capabilities: Capabilities;
  tokens: TokenStore;
  clock: Clock;
  timer: Timer;
  /** Told of what cannot be true in an answer. */
  onOddity?: (oddity: Oddity) => void;
};

/**
 * АИС "КРТ" over the assumed wire. Puts the cluster's token into each call; when a call is refused for its token, gets a new one and
 * sends the call once more within the same deadline (a refused call had no effect). Everything that is Moscow's own is here and in moscow-wire.ts.
 */
export function openMoscow(options: MoscowOptions): Regulator & AsyncDisposable {
  const { deadlineMs, clock, timer } = options;
  const wire = openWireClient(options.baseUrl, options.maxConnections, options.connectTimeoutMs);
  const batchSize = openBatchSize(options.capabilities.maxBatch, clock);
  const never = new AbortController().signal;

  const logIn = (): Promise<Outcome<string>> => {
    const started = clock.monotonic();
    const body = { login: options.login, password: options.password.reveal() };
    const request = { method: 'POST', path: '/authenticate', body } as const;
    return wire
      .send(request, readToken, null, deadlineMs, never)
      .then((outcome) => observe('authenticate', started, outcome));
  };
  const tokens = openTokenSource({ store: options.tokens, login: logIn, renewAfterMs: options.renewAfterMs, clock });

  const observe = <T>(call: string, started: number, outcome: Outcome<T>): Outcome<T> => {
    timer.observe(call, outcome.kind, clock.monotonic() - started);
    return outcome;
  };

  /** A token by `until`, or null: nobody has one, `signal` aborted, or our database is away. */
  const tokenBy = async (until: number, signal: AbortSignal): Promise<Token | null> => {
    const deadline = openDeadline(Math.max(1, Math.ceil(until - clock.monotonic())), signal);
    try {
      return await tokens.get(deadline.signal).catch(() => null);
    } finally {
      deadline.end();
    }
  };

  const send = <T>(
    call: string,
    request: WireRequest,
    read: (answer: WireAnswer) => Outcome<T>,
    signal: AbortSignal,
  ): Promise<Outcome<T>> => {
    const started = clock.monotonic();
    const until = started + deadlineMs;

    const sendWithLogin = async (attempts: number): Promise<Outcome<T>> => {
      const token = tokens.inHand() ?? (await tokenBy(until, signal));
      const leftMs = until - clock.monotonic();
      if (!token || leftMs <= 0) return { kind: 'unauthorised' };
      const outcome = await wire.send(request, read, token.value.reveal(), leftMs, signal);
      return outcome.kind === 'unauthorised' ? refused(token, outcome, attempts) : outcome;
    };
    const refused = async (token: Token, outcome: Outcome<T>, attempts: number): Promise<Outcome<T>> => {
      await tokens.refuse(token).catch(() => {}); // the next refusal says it again
      return attempts > 1 ? sendWithLogin(attempts - 1) : outcome;
    };

    const token = tokens.inHand();
    if (!token) return sendWithLogin(2).then((outcome) => observe(call, started, outcome));
    return wire
      .send(request, read, token.value.reveal(), deadlineMs, signal)
      .then((first) =>
        first.kind === 'unauthorised'
          ? refused(token, first, 2).then((outcome) => observe(call, started, outcome))
          : observe(call, started, first),
      );
  };

  const driver = (deptransId: string) => `/drivers/${encodeURIComponent(deptransId)}`;
  const told = options.onOddity ?? (() => {});
  const asked = (deptransId: string): Asked => ({ deptransId, now: new Date(clock.now()), told });

  return {
    name: 'moscow',
    capabilities: {
      ...options.capabilities,
      get maxBatch() {
        return batchSize.now;
      },
    },
    checkId(deptransId, licence, signal) {
      const body = { driverId: deptransId, licenseNumber: licence.reveal() };
      return send('check', { method: 'POST', path: '/drivers/check', body }, readCheck, signal);
    },
    report(deptransId, direction, occurredAt, signal) {
      const event = direction === 'connected' ? 'CONNECTED' : 'DISCONNECTED';
      const body = { event, occurredAt: occurredAt.toISOString() };
      const request: WireRequest = { method: 'POST', path: `${driver(deptransId)}/status`, body };
      return send('report', request, (answer) => readReport(answer, asked(deptransId)), signal);
    },
    async reportBatch(reports, signal) {
      const request: WireRequest = { method: 'POST', path: '/drivers/status/batch', body: batchRequest(reports) };
      const read = (answer: WireAnswer) => readBatch(answer, reports, { now: new Date(clock.now()), told });
      const outcome = await send('report_batch', request, read, signal);
      if (outcome.kind !== 'accepted') return reports.map(() => outcome);
      batchSize.learn(outcome.value, reports.length);
      return typeof outcome.value === 'object' ? outcome.value.outcomes : null;
    },
    session(deptransId, signal) {
      const request: WireRequest = { method: 'GET', path: `${driver(deptransId)}/session` };
      return send('session', request, (answer) => readSession(answer, asked(deptransId)), signal);
    },
    async [Symbol.asyncDispose]() {
      await wire.close(); // ends a login that is under way
      await tokens[Symbol.asyncDispose]();
    },
  };
}
