import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * The trace that work belongs to, as W3C Trace Context says it: `traceparent` is taken from whoever calls us, stands in each log line of the
 * call (`traceId`), and goes on to whomever we call for it. Carried beside the parameters, since every call out and every log line needs it
 * and nothing decides by it.
 */
export type Trace = {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string;
  /** What we send on: the same trace, with our own span as the parent. */
  readonly traceparent: string;
};

const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-([\da-f]{2})(?:$|-[\w-]*$)/;
const current = new AsyncLocalStorage<Trace>();

/** The trace of a request: the one it names, or a new one. `id`: a random UUID of the request, from which our span and a new trace are made. */
export function traceOf(traceparent: string | undefined, id: string): Trace {
  const own = id.replaceAll('-', '');
  const [, traceId = own, flags = '00'] = (traceparent && TRACEPARENT.exec(traceparent)) || [];
  return { traceId, traceparent: `00-${traceId}-${own.slice(0, 16)}-${flags}` };
}

/** Runs `work`, and all that it starts, as part of a trace. */
export function runInTrace<T>(trace: Trace, work: () => T): T {
  return current.run(trace, work);
}

/** The trace that this work is part of; undefined outside of calls. */
export function currentTrace(): Trace | undefined {
  return current.getStore();
}
