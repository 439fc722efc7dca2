import { Code, ConnectError } from '@connectrpc/connect';
import type { UniversalServerRequest } from '@connectrpc/connect/protocol';
import type { HttpRequest, HttpResponse } from '../runtime/listener.ts';
import { type Call, valuesOf } from './call.ts';

/**
 * A request in the form that the protocol handlers take. Its signal aborts if the caller leaves before the response has ended, and only
 * then: the library's own adapter aborts every request, which costs two stack traces each. Its body is what the socket brings.
 */
export function toUniversalRequest(req: HttpRequest, res: HttpResponse, call: Call): UniversalServerRequest {
  const leaving = new AbortController();
  res.once('close', () => {
    if (!res.writableEnded) leaving.abort(new ConnectError('The caller left', Code.Canceled));
  });
  return {
    httpVersion: req.httpVersion,
    method: req.method ?? '',
    url: urlOf(req),
    header: headerOf(req),
    body: req,
    signal: leaving.signal,
    contextValues: valuesOf(call),
  };
}

/** The URL that was asked for. May not be one: host and target are the caller's. */
export function urlOf(req: HttpRequest): string {
  const target = req.url ?? '';
  if (!target.startsWith('/')) return target;
  const authority = 'authority' in req ? req.authority : req.headers.host;
  return `http://${authority ?? ''}${target}`;
}

function headerOf(req: HttpRequest): Headers {
  const header = new Headers();
  for (const [name, value] of Object.entries(req.headers)) {
    // HTTP/2 has its pseudo-headers among them.
    if (value === undefined || name.startsWith(':')) continue;
    for (const each of Array.isArray(value) ? value : [value]) header.append(name, each);
  }
  return header;
}
