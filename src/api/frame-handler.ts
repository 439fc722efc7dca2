import type { Message } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import {
  createDeadlineSignal,
  createLinkedAbortController,
  encodeEnvelope,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from '@connectrpc/connect/protocol';
import {
  endStreamFlag,
  endStreamToJson,
  parseTimeout as parseConnectTimeout,
} from '@connectrpc/connect/protocol-connect';
import { parseTimeout as parseGrpcTimeout, setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { trailerFlag, trailerSerialize } from '@connectrpc/connect/protocol-grpc-web';
import type { Log } from '../runtime/log.ts';
import type { Admit } from './admission.ts';
import { type Call, callOf } from './call.ts';
import { failCall } from './interceptors.ts';

/** The answers to one request, each with its envelope, ready for the wire. It throws refusals as an implementation does. */
export type FrameStream = (request: Message, signal: AbortSignal) => AsyncIterable<Uint8Array>;

type Wire = 'grpc' | 'grpc-web' | 'connect';

/** Which wires carry binary messages in envelopes, by content type. JSON and the text form of gRPC-Web are the library's. */
const WIRES: Readonly<Record<string, Wire>> = {
  'application/grpc': 'grpc',
  'application/grpc+proto': 'grpc',
  'application/grpc-web': 'grpc-web',
  'application/grpc-web+proto': 'grpc-web',
  'application/connect+proto': 'connect',
};

/**
 * A handler that sends frames as they are: a frame is encoded once, not once for each of its subscribers, which is most of what a stream
 * costs. Where the request asks for anything but plain binary messages, the library's handler answers.
 *
 * The caller is admitted, and the request is read, refused, timed out, counted and logged as everywhere else; only making and encoding messages is left out.
 */
export function sendFrames(
  handler: UniversalHandler,
  frames: FrameStream,
  { log, shutdownSignal, admit }: { log: Log; shutdownSignal: AbortSignal; admit: Admit },
): UniversalHandler {
  const handle = (req: UniversalServerRequest): Promise<UniversalServerResponse> => {
    const wire = WIRES[(req.header.get('content-type') ?? '').toLowerCase().split(';', 1)[0]!.trim()];
    const call = callOf(req.contextValues!);
    const timeout = wire && timeoutOf(req.header, wire);
    if (!timeout || timeout.error || !call.readMessage || isCompressed(req.header)) return handler(req);
    const deadline = createDeadlineSignal(timeout.timeoutMs);
    const ending = createLinkedAbortController(deadline.signal, req.signal, shutdownSignal);
    const end = () => {
      deadline.cleanup();
      ending.abort();
    };
    const trailer = new Headers();
    const admitted = async () => admit(handler.method, call, req.header);
    const last = (failure: ConnectError | undefined) => {
      if (wire !== 'grpc') return lastFrame(wire, failure);
      setTrailerStatus(trailer, failure);
      return null;
    };
    const body = send(frames, call, { admitted, last, log, header: req.header, signal: ending.signal, end });
    const header = new Headers({ 'content-type': req.header.get('content-type')! });
    return Promise.resolve({ status: 200, header, body, trailer });
  };
  const { protocolNames, allowedMethods, requestPath, supportedContentType, service, method } = handler;
  return Object.assign(handle, {
    protocolNames,
    allowedMethods,
    requestPath,
    supportedContentType,
    service,
    method,
  });
}

type Surroundings = {
  /** Refuses who may not call. */
  admitted: () => Promise<void>;
  log: Log;
  header: Headers;
  signal: AbortSignal;
  end: () => void;
  /** Says how the call came out: in a last frame, or where else that belongs. */
  last: (failure: ConnectError | undefined) => Uint8Array | null;
};

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** The frames, and how the call came out. No generator: there is one step for each frame of each subscriber, and a generator takes three. */
function send(
  frames: FrameStream,
  call: Call,
  { admitted, end, last, ...surroundings }: Surroundings,
): AsyncIterable<Uint8Array> {
  let source: AsyncIterator<Uint8Array> | null = null;
  let isOver = false;
  call.code = 'canceled';
  const begin = async () => {
    await admitted();
    source = frames(await call.readMessage!(), surroundings.signal)[Symbol.asyncIterator]();
    return source.next();
  };
  const finish = (failure?: ConnectError): IteratorResult<Uint8Array, undefined> => {
    isOver = true;
    end();
    const told = last(failure);
    return told ? { done: false, value: told } : DONE;
  };
  const pass = (result: IteratorResult<Uint8Array, undefined>) => {
    if (!result.done) return result;
    call.code = 'ok';
    return finish();
  };
  const fail = (error: unknown) => finish(failCall(error, { call, ...surroundings }));
  const next = () => (isOver ? Promise.resolve(DONE) : (source ? source.next() : begin()).then(pass, fail));
  const leave = async () => {
    if (isOver) return DONE;
    isOver = true;
    end();
    await source?.return?.();
    return DONE;
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: leave }) };
}

function timeoutOf(header: Headers, wire: Wire) {
  const longest = Number.MAX_SAFE_INTEGER;
  return wire === 'connect'
    ? parseConnectTimeout(header.get('connect-timeout-ms'), longest)
    : parseGrpcTimeout(header.get('grpc-timeout'), longest);
}

function isCompressed(header: Headers): boolean {
  return ['grpc-encoding', 'connect-content-encoding'].some((name) => {
    const encoding = header.get(name);
    return encoding !== null && encoding !== 'identity';
  });
}

/** How a stream ends where the wire has no trailers. */
function lastFrame(wire: 'grpc-web' | 'connect', failure: ConnectError | undefined): Uint8Array {
  if (wire === 'connect') {
    const end = JSON.stringify(endStreamToJson(new Headers(), failure, undefined));
    return encodeEnvelope(endStreamFlag, new TextEncoder().encode(end));
  }
  const trailer = new Headers();
  setTrailerStatus(trailer, failure);
  return encodeEnvelope(trailerFlag, trailerSerialize(trailer));
}
