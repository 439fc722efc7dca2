import { Agent, type Dispatcher, request } from 'undici';
import type { Timer } from '../runtime/metrics.ts';
import { currentTrace } from '../runtime/trace.ts';
import { CallFailed } from './call-failed.ts';

/**
 * JSON over HTTP to one neighbour. Every call has a total deadline (headers and body together), a bounded body, and ends as parsed JSON
 * of a 2xx answer or as a `CallFailed`. Nothing is retried here: that is for whoever knows what a repeat means. Redirects are not followed.
 */
export type Http = AsyncDisposable & {
  /** `call` names the call in metrics; `path` begins with a slash and is appended to the base URL. */
  getJson(call: string, path: string, signal: AbortSignal): Promise<unknown>;
  postJson(call: string, path: string, body: unknown, signal: AbortSignal): Promise<unknown>;
};

export type HttpOptions = {
  baseUrl: string;
  deadlineMs: number;
  timer: Timer;
  maxBodyBytes?: number;
  /** Default: an own pool of connections, closed when the client is disposed. */
  dispatcher?: Dispatcher;
};

export function openHttp({
  baseUrl,
  deadlineMs,
  timer,
  maxBodyBytes = 16 * 1024 * 1024,
  dispatcher,
}: HttpOptions): Http {
  const base = baseUrl.replace(/\/+$/, '');
  const own = dispatcher ? undefined : new Agent({ connections: 64, connect: { timeout: deadlineMs } });
  const via = dispatcher ?? own!;

  const send = (call: string, method: 'GET' | 'POST', path: string, signal: AbortSignal, body?: string) =>
    timer.measure(call, async () => {
      const deadline = AbortSignal.timeout(deadlineMs);
      const ending = AbortSignal.any([signal, deadline]);
      try {
        const answer = await request(base + path, {
          method,
          dispatcher: via,
          signal: ending,
          headers: headersOf(body),
          ...(body !== undefined && { body }),
        });
        const text = await readText(answer.body, maxBodyBytes);
        return readAnswer(call, answer.statusCode, text);
      } catch (error) {
        throw describe(error, { call, aborted: signal.aborted, late: deadline.aborted });
      }
    });

  return {
    getJson: (call, path, signal) => send(call, 'GET', path, signal),
    postJson: (call, path, body, signal) => send(call, 'POST', path, signal, JSON.stringify(body)),
    [Symbol.asyncDispose]: async () => own?.destroy(),
  };
}

function headersOf(body: string | undefined): Record<string, string> {
  const trace = currentTrace();
  return {
    accept: 'application/json',
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(trace && { traceparent: trace.traceparent }),
  };
}

function readAnswer(call: string, status: number, text: string): unknown {
  const json = parseJson(text);
  if (status < 200 || status > 299) {
    throw new CallFailed(call, { code: `HTTP_${status}`, status, ...peerCodeOf(json) });
  }
  if (json === undefined) throw new CallFailed(call, { code: 'NOT_JSON', status });
  return json;
}

/** The body as text. Leaves the rest of a body over the limit unread and drops its connection. */
async function readText(body: Dispatcher.ResponseData['body'], maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

class BodyTooLarge extends Error {}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A neighbour's own word for what is wrong, if it has the form of one. */
function peerCodeOf(json: unknown): { peerCode?: string } {
  const code = typeof json === 'object' && json !== null && 'code' in json ? json.code : undefined;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,39}$/.test(code) ? { peerCode: code } : {};
}

function describe(error: unknown, { call, aborted, late }: { call: string; aborted: boolean; late: boolean }) {
  if (error instanceof CallFailed) return error;
  if (error instanceof BodyTooLarge) return new CallFailed(call, { code: 'TOO_LARGE' });
  if (aborted) return new CallFailed(call, { code: 'ABORTED' });
  if (late) return new CallFailed(call, { code: 'TIMEOUT' });
  return new CallFailed(call, { code: 'UNREACHABLE' });
}
