import type { Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import type { Log } from '../runtime/log.ts';
import { type AddLink, addNoLink } from './action-links.ts';
import { type Admit, admitCallers } from './admission.ts';
import { type Call, callOf } from './call.ts';
import { localize, reasonOf, refuse, refuseWithCode, toRefusal } from './errors.ts';

/** What every call passes, from the outside in. The same for RPCs and for the REST paths. */
export function makeInterceptors(log: Log, admit: Admit, addLink: AddLink = addNoLink): Interceptor[] {
  return [answerErrors(log, addLink), admitCallers(admit), receiveMessage];
}

/** Makes an error the refusal that leaves, and tells the call how it came out. */
export function failCall(
  error: unknown,
  { call, log, header, signal }: { call: Call; log: Log; header: Headers; signal: AbortSignal },
): ConnectError {
  const { refusal, unexpected } = toRefusal(error, signal);
  if (unexpected) log.error({ requestId: call.requestId, call: call.name, err: error }, 'call failed');
  localize(refusal, header.get('accept-language'));
  call.code = codeName(refusal.code);
  call.reason = reasonOf(refusal);
  return refusal;
}

/** Every error leaves as a refusal; the call learns how it came out. */
function answerErrors(log: Log, addLink: AddLink): Interceptor {
  return (next) => async (req) => {
    const call = callOf(req.contextValues);
    const { header, signal } = req;
    const fail = (error: unknown) => {
      const refusal = failCall(error, { call, log, header, signal });
      addLink(refusal, call, header.get('accept-language'));
      return refusal;
    };
    call.code = 'canceled';
    try {
      const response = await next(req);
      if (!response.stream) {
        call.code = 'ok';
        return response;
      }
      return { ...response, message: guard(response.message, call, fail) };
    } catch (error) {
      throw fail(error);
    }
  };
}

async function* guard<T>(frames: AsyncIterable<T>, call: Call, fail: (error: unknown) => ConnectError) {
  try {
    yield* frames;
    call.code = 'ok';
  } catch (error) {
    throw fail(error);
  }
}

/** Puts the decoded message in the place of the empty one that the protocol's handler was given. */
const receiveMessage: Interceptor = (next) => async (req) => {
  const { readMessage } = callOf(req.contextValues);
  if (!req.stream) return next(readMessage ? { ...req, message: await readMessage() } : req);
  return next({ ...req, message: readMessage ? replace(req.message, readMessage) : checked(req.message) });
};

async function* replace(empty: AsyncIterable<Message>, readMessage: () => Promise<Message>) {
  // The empty message is taken first: with it come the handler's complaints about the compression and the time-out of the request.
  try {
    for await (const _ of empty);
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    throw refuseWithCode(code, rawMessage);
  }
  yield await readMessage();
}

async function* checked(messages: AsyncIterable<Message>) {
  const it = messages[Symbol.asyncIterator]();
  for (;;) {
    const next = await it.next().catch(() => {
      throw refuse('REQUEST_MALFORMED', { message: 'The stream of requests cannot be read' });
    });
    if (next.done) return;
    yield next.value;
  }
}

/** `INVALID_ARGUMENT` as `invalid_argument`. */
export function codeName(code: Code): string {
  return Code[code].replace(/(?<!^)[A-Z]/g, '_$&').toLowerCase();
}
