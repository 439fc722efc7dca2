import { type JsonObject, toJson } from '@bufbuild/protobuf';
import { type ConnectError, createHandlerContext, type Interceptor, type MethodImplSpec } from '@connectrpc/connect';
import { invokeUnaryImplementation, type UniversalServerRequest } from '@connectrpc/connect/protocol';
import { ErrorInfoSchema, LocalizedMessageSchema } from '../../gen/google/rpc/error_details_pb.ts';
import type { HttpRequest, HttpResponse } from '../runtime/listener.ts';
import { ACTION_URL } from './action-links.ts';
import type { Call } from './call.ts';
import { decodeJson } from './decode.ts';
import { factsOf } from './error-reasons.ts';
import { reasonOf, refuse, retryAfterMsOf } from './errors.ts';
import { toUniversalRequest } from './inbound.ts';
import { codeName } from './interceptors.ts';
import { sendJson } from './json-response.ts';
import { type BodyLimits, inflateBody, readBody } from './request-body.ts';
import { type Route, toRestJson } from './transcoding.ts';
import { decodeQuery } from './transcoding-query.ts';

export type RestOptions = { interceptors: Interceptor[]; limits: BodyLimits; shutdownSignal: AbortSignal };

type UnarySpec = Extract<MethodImplSpec, { kind: 'unary' }>;

/** Serves a REST path by the implementation and through the interceptors of its RPC, so that both behave alike. */
export async function serveRest(
  { verb, method }: Route,
  spec: UnarySpec,
  call: Call,
  req: HttpRequest,
  res: HttpResponse,
  { interceptors, limits, shutdownSignal }: RestOptions,
): Promise<void> {
  const request = toUniversalRequest(req, res, call);
  call.readMessage = async () =>
    verb === 'GET'
      ? decodeQuery(method.input, new URL(request.url).searchParams)
      : decodeJson(method.input, await readJsonBody(request, req, limits));
  const context = createHandlerContext({
    service: method.parent,
    method,
    protocolName: 'rest',
    requestMethod: verb,
    url: request.url,
    requestSignal: request.signal,
    shutdownSignal,
    requestHeader: request.header,
    ...(request.contextValues && { contextValues: request.contextValues }),
  });
  try {
    // The interceptors put the message of `readMessage` in the place of the empty one.
    const answer = await invokeUnaryImplementation(spec, context, {} as never, interceptors);
    sendJson(res, 200, toRestJson(method.output, answer));
  } catch (error) {
    sendRefusal(res, error as ConnectError);
  } finally {
    context.abort();
  }
}

async function readJsonBody(
  request: UniversalServerRequest,
  req: HttpRequest,
  limits: BodyLimits,
): Promise<Uint8Array> {
  const type = request.header.get('content-type');
  const encoding = request.header.get('content-encoding') ?? 'identity';
  if (type !== null && !/^application\/json\s*(;|$)/i.test(type)) {
    throw refuse('REQUEST_MALFORMED', { message: 'The body must be application/json' });
  }
  if (encoding !== 'identity' && encoding !== 'gzip') {
    throw refuse('REQUEST_MALFORMED', { message: 'The body may be compressed by gzip only' });
  }
  const body = await readBody(req, limits);
  return encoding === 'gzip' ? inflateBody(body, limits.maxBytes) : body;
}

/** HTTP statuses of codes without a reason of ours: the caller's deadline passed, or it left. */
const STATUS_WITHOUT_REASON = { deadline_exceeded: 504, canceled: 499 } as Record<string, number>;

function sendRefusal(res: HttpResponse, error: ConnectError): void {
  const reason = reasonOf(error);
  const code = codeName(error.code);
  const status = reason ? factsOf(reason).http : (STATUS_WITHOUT_REASON[code] ?? 500);
  const retryAfterMs = retryAfterMsOf(error);
  const headers = retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) };
  const details = error.details.flatMap((detail) => ('desc' in detail ? [detail] : []));
  const text = error.findDetails(LocalizedMessageSchema)[0]?.message;
  const { action, [ACTION_URL]: actionUrl } = error.findDetails(ErrorInfoSchema)[0]?.metadata ?? {};
  const body: JsonObject = {
    code,
    ...(reason && { reason }),
    ...(text && { text }),
    ...(action && { action }),
    ...(actionUrl && { [ACTION_URL]: actionUrl }),
    message: error.rawMessage,
    details: details.map(({ desc, value }) => ({
      '@type': `type.googleapis.com/${desc.typeName}`,
      ...(toJson(desc, value as never) as JsonObject),
    })),
  };
  sendJson(res, status, body, headers);
}
