import type { ServerResponse } from 'node:http';
import type { JsonValue } from '@bufbuild/protobuf';
import type { HttpRequest, HttpResponse } from '../runtime/listener.ts';

/** Ends a response with a JSON body. Does nothing if the client has left or the response has begun. */
export function sendJson(
  res: HttpResponse,
  status: number,
  body: JsonValue,
  headers: Record<string, string> = {},
): void {
  if (res.headersSent || res.destroyed) return;
  const bytes = Buffer.from(JSON.stringify(body));
  // Both kinds of responses have these methods; only the compiler sees two.
  (res as ServerResponse)
    .writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length, ...headers })
    .end(bytes);
}

const NO_ENDPOINT = {
  400: 'The target of the request is not a URL',
  404: 'No such path',
  405: 'This path does not answer to this method',
};

/** The answer where there is no endpoint that could give one. */
export function sendNoEndpoint(
  req: HttpRequest,
  res: HttpResponse,
  status: 400 | 404 | 405,
  headers: Record<string, string> = {},
): void {
  // Clients of an RPC protocol go by the status alone.
  if (/^application\/(proto|grpc|connect\+)/.test(req.headers['content-type'] ?? '')) {
    if (!res.headersSent && !res.destroyed) (res as ServerResponse).writeHead(status, headers).end();
    return;
  }
  const body = { code: 'unimplemented', reason: 'REQUEST_MALFORMED', message: NO_ENDPOINT[status], details: [] };
  sendJson(res, status, body, headers);
}
