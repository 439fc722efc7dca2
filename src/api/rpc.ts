import type { DescMethod, Message, Registry } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { createAsyncIterable, type UniversalHandler, type UniversalServerRequest } from '@connectrpc/connect/protocol';
import type { HttpRequest, HttpResponse } from '../runtime/listener.ts';
import type { Call } from './call.ts';
import { decodeBinary, decodeJson } from './decode.ts';
import { refuse, refuseWithCode } from './errors.ts';
import { toUniversalRequest } from './inbound.ts';
import { writeResponse } from './outbound.ts';
import { type BodyLimits, inflateBody, readBody } from './request-body.ts';

/**
 * Serves one RPC over Connect, gRPC or gRPC-Web, as the request's content type says.
 *
 * The library's handlers speak the protocols, but the request message is read and decoded here and put in place by the interceptors:
 * their own parser quotes the caller's values in its errors, gives them no reason, and runs where no interceptor sees it. So a handler is
 * given an empty message in the request's own form. Methods whose requests are streams keep the library's parser.
 */
export async function serveRpc(
  handler: UniversalHandler,
  call: Call,
  req: HttpRequest,
  res: HttpResponse,
  limits: RpcLimits,
): Promise<void> {
  const received = toUniversalRequest(req, res, call);
  const form = formOf(received.header.get('content-type') ?? '');
  const unaryInput = handler.method.methodKind === 'unary' || handler.method.methodKind === 'server_streaming';
  const request = unaryInput && received.method === 'POST' ? emptied(received, form) : received;
  if (request !== received) {
    const packed = received.header.get(form.encodingHeader) === 'gzip';
    call.readMessage = async () => readMessage(handler.method, form, packed, await readBody(req, limits), limits);
  }
  await writeResponse(await handler(request), res);
}

type RpcLimits = BodyLimits & { registry?: Registry | undefined };

type Form = { json: boolean; enveloped: boolean; encodingHeader: string };

function formOf(contentType: string): Form {
  const grpc = contentType.startsWith('application/grpc');
  const connectStream = contentType.startsWith('application/connect+');
  return {
    json: /[/+]json\b/.test(contentType),
    enveloped: grpc || connectStream,
    encodingHeader: grpc ? 'grpc-encoding' : connectStream ? 'connect-content-encoding' : 'content-encoding',
  };
}

function emptied(request: UniversalServerRequest, form: Form): UniversalServerRequest {
  const message = Buffer.from(form.json ? '{}' : '');
  const prefix = form.enveloped ? [0, 0, 0, 0, message.length] : [];
  const header = new Headers(request.header);
  header.delete('content-length');
  if (header.get(form.encodingHeader) === 'gzip') header.delete(form.encodingHeader);
  return { ...request, header, body: createAsyncIterable([Buffer.concat([Buffer.from(prefix), message])]) };
}

const ENVELOPE_PREFIX_BYTES = 5;
const COMPRESSED = 1;

async function readMessage(
  method: DescMethod,
  form: Form,
  packed: boolean,
  body: Uint8Array,
  { maxBytes, registry }: RpcLimits,
): Promise<Message> {
  const { bytes, compressed } = form.enveloped ? unwrap(body) : { bytes: body, compressed: packed && body.length > 0 };
  if (compressed && !packed) throw refuseWithCode(Code.Internal, 'A compressed message without an encoding');
  const plain = compressed ? await inflateBody(bytes, maxBytes) : bytes;
  return form.json ? decodeJson(method.input, plain, registry) : decodeBinary(method.input, plain);
}

/** Whole envelopes one after another; 1 for whatever is cut off or no envelope at all, which is refused as such. */
function countEnvelopes(body: Uint8Array): number {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let count = 0;
  for (let at = 0; at < body.length; count++) {
    if (body.length - at < ENVELOPE_PREFIX_BYTES) return 1;
    at += ENVELOPE_PREFIX_BYTES + view.getUint32(at + 1);
    if (at > body.length) return 1;
  }
  return count;
}

function unwrap(body: Uint8Array): { bytes: Uint8Array; compressed: boolean } {
  if (countEnvelopes(body) !== 1) throw refuseWithCode(Code.Unimplemented, 'The method takes one message');
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const whole = body.length >= ENVELOPE_PREFIX_BYTES && view.getUint32(1) === body.length - ENVELOPE_PREFIX_BYTES;
  const flags = whole ? view.getUint8(0) : 0;
  if (!whole || flags > COMPRESSED) {
    throw refuse('REQUEST_MALFORMED', { message: 'The body is not one enveloped message' });
  }
  return { bytes: body.subarray(ENVELOPE_PREFIX_BYTES), compressed: flags === COMPRESSED };
}
