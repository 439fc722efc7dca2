import type { Dispatcher } from 'undici';
import type { Outcome } from '../domain/outcome.ts';
import { offAbort, onAbort } from '../runtime/on-abort.ts';
import type { WireAnswer } from './moscow-wire.ts';

/** What a call came to on the wire: an answer, or why there is none. */
export type WireResult =
  | { kind: 'answer'; answer: WireAnswer }
  | Extract<Outcome<never>, { kind: 'unavailable' | 'unknown' }>;

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

/**
 * One request on its way: gathers the answer and ends exactly once, within `deadlineMs` whatever the other side does. After an end that was not the
 * answer's own the connection is closed, and a request that had not begun never does. Written as undici's handler, since its promises, streams and
 * signals cost more than the call itself.
 */
export class WireCall implements Dispatcher.DispatchHandler {
  readonly #end: (result: WireResult) => void;
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #cut = () => this.#abort({ kind: 'unknown', reason: 'cut_off' });
  #controller: Dispatcher.DispatchController | null = null;
  #ended = false;
  #status = 0;
  #retryAfter: string | null = null;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(deadlineMs: number, signal: AbortSignal, end: (result: WireResult) => void) {
    this.#end = end;
    this.#signal = signal;
    this.#timer = setTimeout(() => this.#abort({ kind: 'unknown', reason: 'timeout' }), deadlineMs);
    onAbort(signal, this.#cut);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#ended) controller.abort(new Error('The call was given up.'));
  }

  onRequestUpgrade(controller: Dispatcher.DispatchController): void {
    controller.abort(new Error('Nobody asked for another protocol.'));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Record<string, unknown>): void {
    const retryAfter = headers['retry-after'];
    this.#status = status;
    this.#retryAfter = typeof retryAfter === 'string' ? retryAfter : null;
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length;
    this.#chunks.push(chunk);
    if (this.#size > BODY_LIMIT) this.#abort(this.#answer(null));
  }

  onResponseEnd(): void {
    const [first, second] = this.#chunks;
    const body = first && !second ? first : Buffer.concat(this.#chunks);
    this.#finish(this.#answer(body.toString('utf8')));
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    const code = 'code' in error ? String(error.code) : '';
    this.#finish(NOT_SENT.has(code) ? { kind: 'unavailable' } : { kind: 'unknown', reason: 'connection_lost' });
  }

  #answer(body: string | null): WireResult {
    return { kind: 'answer', answer: { status: this.#status, retryAfter: this.#retryAfter, body } };
  }

  #abort(result: WireResult): void {
    this.#finish(result);
    this.#controller?.abort(new Error('The call was given up.'));
  }

  #finish(result: WireResult): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#chunks = [];
    clearTimeout(this.#timer);
    offAbort(this.#signal, this.#cut);
    this.#end(result);
  }
}
