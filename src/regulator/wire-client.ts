import { Pool } from 'undici';
import type { Outcome } from '../domain/outcome.ts';
import { currentTrace } from '../runtime/trace.ts';
import type { WireAnswer } from './moscow-wire.ts';
import { WireCall } from './wire-call.ts';

export type WireRequest = {
  method: 'GET' | 'POST';
  /** Behind the base URL. */
  path: string;
  /** Sent as JSON. */
  body?: unknown;
};

export type WireClient = {
  /** Sends one request; `read` says what an answer means. Ends within `deadlineMs`, answered or not. Never throws and never repeats. */
  send<T>(
    request: WireRequest,
    read: (answer: WireAnswer) => Outcome<T>,
    token: string | null,
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<Outcome<T>>;
  close(): Promise<void>;
};

/** HTTP to the regulator: bounded connections, one request at a time on each, no compression, a total deadline on every call. */
export function openWireClient(baseUrl: string, maxConnections: number, connectTimeoutMs: number): WireClient {
  const { origin, pathname } = new URL(baseUrl);
  const base = pathname.replace(/\/+$/, '');
  const pool = new Pool(origin, {
    connections: maxConnections,
    pipelining: 1,
    connect: { timeout: connectTimeoutMs },
    keepAliveTimeout: 30_000,
    headersTimeout: 0, // every call has a deadline of its own
    bodyTimeout: 0,
  });
  return {
    send: ({ method, path, body }, read, token, deadlineMs, signal) =>
      new Promise((resolve) => {
        const headers = ['accept', 'application/json'];
        if (token !== null) headers.push('authorization', token);
        if (body !== undefined) headers.push('content-type', 'application/json');
        const trace = currentTrace();
        if (trace) headers.push('traceparent', trace.traceparent);
        const call = new WireCall(deadlineMs, signal, read, resolve);
        try {
          pool.dispatch(
            { method, path: base + path, headers, body: body === undefined ? null : JSON.stringify(body) },
            call,
          );
        } catch (error) {
          call.onResponseError(null, error as Error); // a request that undici does not take, or a client that was closed
        }
      }),
    close: () => pool.destroy(),
  };
}
