import type { Dispatcher } from 'undici';
import type { Outcome } from '../domain/outcome.ts';
import { type AbortListener, offAbort, onAbort } from '../runtime/on-abort.ts';
import type { WireAnswer } from './moscow-wire.ts';

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
export class WireCall<T> implements Dispatcher.DispatchHandler, AbortListener {
  place = -1;
  readonly #read: (answer: WireAnswer) => Outcome<T>;
  readonly #end: (outcome: Outcome<T>) => void;
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | null = null;
  #ended = false;
  #status = 0;
  #retryAfter: string | null = null;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(
    deadlineMs: number,
    signal: AbortSignal,
    read: (answer: WireAnswer) => Outcome<T>,
    end: (outcome: Outcome<T>) => void,
  ) {
    this.#read = read;
    this.#end = end;
    this.#signal = signal;
    this.#timer = setTimeout(timedOut, deadlineMs, this);
    onAbort(signal, this);
  }

  aborted(): void {
    this.#abort({ kind: 'unknown', reason: 'cut_off' });
  }

  timedOut(): void {
    this.#abort({ kind: 'unknown', reason: 'timeout' });
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

  #answer(body: string | null): Outcome<T> {
    return this.#read({ status: this.#status, retryAfter: this.#retryAfter, body });
  }

  #abort(outcome: Outcome<T>): void {
    this.#finish(outcome);
    this.#controller?.abort(new Error('The call was given up.'));
  }

  #finish(outcome: Outcome<T>): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#chunks = [];
    clearTimeout(this.#timer);
    offAbort(this.#signal, this);
    this.#end(outcome);
  }
}

function timedOut(call: { timedOut(): void }): void {
  call.timedOut();
}
