import { Pool } from 'undici';
import type { Outcome } from '../../../src/domain/outcome.ts';
import type { Regulator } from '../../../src/regulator/regulator.ts';

const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);

/** The port over the wire of the second city. The time of a report is its number: it grows with each report about an account. */
export function openSecondAdapter({ url, key, deadlineMs }: { url: string; key: string; deadlineMs: number }) {
  const pool = new Pool(url, { connections: 50, headersTimeout: 0, bodyTimeout: 0 });

  /** The line of an answer, or what became of the call without one. */
  const send = async (
    path: string,
    fields: Record<string, string>,
    signal: AbortSignal,
  ): Promise<string | Outcome<never>> => {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), deadlineMs);
    try {
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ key, ...fields }).toString(),
        signal: AbortSignal.any([signal, deadline.signal]),
      });
      const line = await body.text();
      return statusCode === 200 ? line : { kind: 'unknown', reason: 'server_error' };
    } catch (error) {
      if (signal.aborted) return { kind: 'unknown', reason: 'cut_off' };
      if (deadline.signal.aborted) return { kind: 'unknown', reason: 'timeout' };
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      return NOT_SENT.has(code) ? { kind: 'unavailable' } : { kind: 'unknown', reason: 'connection_lost' };
    } finally {
      clearTimeout(timer);
    }
  };

  const regulator: Regulator & AsyncDisposable = {
    name: 'second',
    capabilities: {
      maxBatch: 1,
      canReadSession: false,
      ordersByOccurredAt: true,
      repeatIsHarmless: true,
      maxRequestLifeMs: 30_000,
    },
    async checkId(driver, licence, signal) {
      const line = await send('/licence', { driver, licence: licence.reveal() }, signal);
      if (typeof line !== 'string') return line;
      if (line === 'YES' || line === 'NO') return { kind: 'accepted', value: { matches: line === 'YES' } };
      return refusalOf(line);
    },
    async report(driver, direction, occurredAt, signal) {
      const event = direction === 'connected' ? 'ON' : 'OFF';
      const line = await send('/event', { driver, event, number: String(occurredAt.getTime()) }, signal);
      if (typeof line !== 'string') return line;
      if (line === 'OK') return { kind: 'accepted', value: null };
      return line === 'SAME' ? { kind: 'already' } : refusalOf(line);
    },
    reportBatch: () => Promise.resolve(null),
    session: () => Promise.resolve({ kind: 'unavailable' }),
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
  return regulator;
}

function refusalOf(line: string): Exclude<Outcome<never>, { kind: 'accepted' }> {
  const [word, rest] = line.split(' ');
  switch (word) {
    case 'KEY':
      return { kind: 'unauthorised' };
    case 'WAIT':
      return { kind: 'throttled', retryAfterMs: Number(rest) * 1_000 };
    case 'NO':
      return { kind: 'rejected', reason: rest === 'driver' ? 'driver_unknown' : 'driver_blocked' };
    case 'OLD':
      return { kind: 'rejected', reason: 'refused' };
    default:
      return { kind: 'unknown', reason: 'unreadable' };
  }
}
