import type { Message } from '@bufbuild/protobuf';
import { type ContextValues, createContextKey, createContextValues } from '@connectrpc/connect';
import type { Caller, Driver } from '../auth/caller.ts';
import type { Trace } from '../runtime/trace.ts';

/** One call as the edge sees it, whatever its protocol: made by an adapter, filled by the interceptors, counted when the response ends. */
export type Call = {
  /** For metrics and logs: `deptrans.v1.Service/Method`, or `GET /path`. */
  readonly name: string;
  /** Sent back as `x-request-id`. Our own, since one from outside could hold anything. */
  readonly requestId: string;
  readonly trace: Trace;
  /** The address at the other end of the connection. */
  readonly peer: string;
  /** Who asks; nobody until he was admitted. */
  caller: Caller;
  /** Where a driver's request comes from, as limits count it; null if that is not known. */
  address: string | null;
  /** Reads and decodes the request; undefined where the protocol's handler does it. Refuses what does not fit the contract. */
  readMessage: (() => Promise<Message>) | undefined;
  /** How it came out: `ok` or a code in snake case. Until known, what it is if the response ends now. */
  code: string;
  reason: string | undefined;
};

const callKey = createContextKey<Call | undefined>(undefined, { description: 'the call' });

export function valuesOf(call: Call): ContextValues {
  return createContextValues().set(callKey, call);
}

/** The call that the values belong to. Every way into the interceptors gives them one. */
export function callOf(values: ContextValues): Call {
  const call = values.get(callKey);
  if (!call) throw new Error('A request reached the interceptors without its call');
  return call;
}

/** The driver who asks. Where a driver was admitted there is one. */
export function driverOf(values: ContextValues): Driver {
  const { caller } = callOf(values);
  if (caller.kind !== 'driver') throw new Error('A method of drivers was entered by somebody else');
  return caller;
}

/** The name of the service or engineer who asks. */
export function callerNameOf(values: ContextValues): string {
  const { caller } = callOf(values);
  if (caller.kind !== 'service' && caller.kind !== 'engineer')
    throw new Error('A method of engineers was entered by somebody else');
  return caller.name;
}
