import { Agent, type Dispatcher, request } from 'undici';
import type { Outcome } from '../domain/outcome.ts';
import { openDeadline } from '../runtime/deadline.ts';
import type { WireAnswer } from './moscow-wire.ts';

/** What a call came to on the wire: an answer, or why there is none. */
export type WireResult =
  | { kind: 'answer'; answer: WireAnswer }
  | Extract<Outcome<never>, { kind: 'unavailable' | 'unknown' }>;

export type WireClient = {
  /** Sends one request. Ends within `deadlineMs`, answered or not. Never throws and never repeats. */
  send(
    method: 'GET' | 'POST',
    path: string,
    token: string | null,
    body: unknown,
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<WireResult>;
  close(): Promise<void>;
};

const BODY_LIMIT = 256 * 1024;
/** Errors raised before a byte of the request can have left. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** HTTP to the regulator: bounded connections, one request at a time on each, no compression, a total deadline on every call. */
export function openWireClient(baseUrl: string, maxConnections: number, connectTimeoutMs: number): WireClient {
  const agent = new Agent({
    connections: maxConnections,
    pipelining: 1,
    connect: { timeout: connectTimeoutMs },
    keepAliveTimeout: 30_000,
  });
  const base = baseUrl.replace(/\/+$/, '');
  return {
    async send(method, path, token, body, deadlineMs, signal) {
      const deadline = openDeadline(deadlineMs, signal);
      try {
        const answer = await request(`${base}${path}`, {
          dispatcher: agent,
          method,
          headers: {
            accept: 'application/json',
            ...(token !== null && { authorization: token }),
            ...(body !== undefined && { 'content-type': 'application/json' }),
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
          signal: deadline.signal,
        });
        return { kind: 'answer', answer: await readWireAnswer(answer) };
      } catch (error) {
        if (NOT_SENT.has(codeOf(error))) return { kind: 'unavailable' };
        if (deadline.passed) return { kind: 'unknown', reason: 'timeout' };
        return { kind: 'unknown', reason: signal.aborted ? 'cut_off' : 'connection_lost' };
      } finally {
        deadline.end();
      }
    },
    close: () => agent.destroy(),
  };
}

async function readWireAnswer({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<WireAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  let tooLong = false;
  for await (const chunk of body) {
    size += chunk.length;
    tooLong = size > BODY_LIMIT;
    if (tooLong) break; // leaving the loop destroys the body and with it the socket
    chunks.push(chunk);
  }
  const retryAfter = headers['retry-after'];
  return {
    status: statusCode,
    retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
    body: tooLong ? null : Buffer.concat(chunks).toString('utf8'),
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
