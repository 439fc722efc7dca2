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
import { openWireClient } from './wire-client.ts';

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
    const credentials = { login: options.login, password: options.password.reveal() };
    return timed('authenticate', async () => {
      const result = await wire.send('POST', '/authenticate', null, credentials, deadlineMs, never);
      return result.kind === 'answer' ? readToken(result.answer) : result;
    });
  };
  const tokens = openTokenSource({ store: options.tokens, login: logIn, renewAfterMs: options.renewAfterMs, clock });

  const timed = <T>(call: string, work: () => Promise<Outcome<T>>): Promise<Outcome<T>> => {
    const started = clock.monotonic();
    return work().then((outcome) => {
      timer.observe(call, outcome.kind, clock.monotonic() - started);
      return outcome;
    });
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

  const send = async <T>(
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    read: (answer: WireAnswer) => Outcome<T>,
    signal: AbortSignal,
  ): Promise<Outcome<T>> => {
    const until = clock.monotonic() + deadlineMs;
    for (let attempt = 1; ; attempt++) {
      const token = tokens.inHand() ?? (await tokenBy(until, signal));
      const leftMs = until - clock.monotonic();
      if (!token || leftMs <= 0) return { kind: 'unauthorised' };
      const result = await wire.send(method, path, token.value.reveal(), body, leftMs, signal);
      const outcome = result.kind === 'answer' ? read(result.answer) : result;
      if (outcome.kind !== 'unauthorised') return outcome;
      await tokens.refuse(token).catch(() => {}); // the next refusal says it again
      if (attempt === 2) return outcome;
    }
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
    checkId: (deptransId, licence, signal) =>
      timed('check', () => {
        const body = { driverId: deptransId, licenseNumber: licence.reveal() };
        return send('POST', '/drivers/check', body, readCheck, signal);
      }),
    report: (deptransId, direction, occurredAt, signal) =>
      timed('report', () => {
        const body = {
          event: direction === 'connected' ? 'CONNECTED' : 'DISCONNECTED',
          occurredAt: occurredAt.toISOString(),
        };
        return send(
          'POST',
          `${driver(deptransId)}/status`,
          body,
          (answer) => readReport(answer, asked(deptransId)),
          signal,
        );
      }),
    async reportBatch(reports, signal) {
      const outcome = await timed('report_batch', () => {
        const read = (answer: WireAnswer) => readBatch(answer, reports, { now: new Date(clock.now()), told });
        return send('POST', '/drivers/status/batch', batchRequest(reports), read, signal);
      });
      if (outcome.kind !== 'accepted') return reports.map(() => outcome);
      batchSize.learn(outcome.value, reports.length);
      return typeof outcome.value === 'object' ? outcome.value.outcomes : null;
    },
    session: (deptransId, signal) =>
      timed('session', () =>
        send(
          'GET',
          `${driver(deptransId)}/session`,
          undefined,
          (answer) => readSession(answer, asked(deptransId)),
          signal,
        ),
      ),
    async [Symbol.asyncDispose]() {
      await wire.close(); // ends a login that is under way
      await tokens[Symbol.asyncDispose]();
    },
  };
}
