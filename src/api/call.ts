import type { Message } from '@bufbuild/protobuf';
import { type ContextValues, createContextKey, createContextValues } from '@connectrpc/connect';

/** One call as the edge sees it, whatever its protocol: made by an adapter, filled by the interceptors, counted when the response ends. */
export type Call = {
  /** For metrics and logs: `deptrans.v1.Service/Method`, or `GET /path`. */
  readonly name: string;
  /** Sent back as `x-request-id`. Our own, since one from outside could hold anything. */
  readonly requestId: string;
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
