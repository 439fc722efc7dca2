import { randomUUID } from 'node:crypto';
import type { Caller } from '../auth/caller.ts';
import type { Clock } from '../runtime/clock.ts';
import type { HttpRequest, HttpResponse, RequestHandler } from '../runtime/listener.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { runInTrace, traceOf } from '../runtime/trace.ts';
import type { Call } from './call.ts';
import { urlOf } from './inbound.ts';
import { sendJson, sendNoEndpoint } from './json-response.ts';

/** What answers to one verb on one path. `serve` may reject: the client then gets a bare 500 if nothing was sent yet. */
export type Endpoint = {
  verb: string;
  path: string;
  /** For metrics and logs. */
  name: string;
  serve(call: Call, req: HttpRequest, res: HttpResponse): Promise<void>;
};
export type Endpoints = Endpoint[];

export type RequestHandlerOptions = {
  endpoints: Endpoints;
  ops: Map<string, (res: HttpResponse) => void>;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

/** Finds who answers a request, and counts and logs each call once, when its response has ended. */
export function makeRequestHandler({ endpoints, ops, clock, log, metrics }: RequestHandlerOptions): RequestHandler {
  const byPath = new Map<string, Map<string, Endpoint>>();
  for (const endpoint of endpoints) {
    const verbs = byPath.get(endpoint.path) ?? new Map<string, Endpoint>();
    byPath.set(endpoint.path, verbs.set(endpoint.verb, endpoint));
  }
  const watch = makeWatch({ clock, log, metrics });

  return (req, res) => {
    if (!URL.canParse(urlOf(req))) return sendNoEndpoint(req, res, 400);
    const path = pathOf(req);
    const ownPath = ops.get(path);
    if (ownPath && (req.method === 'GET' || req.method === 'HEAD')) return ownPath(res);
    const verbs = byPath.get(path);
    const endpoint = verbs?.get(req.method ?? '');
    const requestId = randomUUID();
    const call: Call = {
      name: endpoint?.name ?? 'unknown',
      requestId,
      trace: traceOf(headerOf(req, 'traceparent'), requestId),
      peer: peerOf(req),
      caller: NOBODY,
      address: null,
      readMessage: undefined,
      code: endpoint ? 'protocol_error' : 'unimplemented',
      reason: undefined,
    };
    res.setHeader('x-request-id', call.requestId);
    watch(call, res);
    if (!endpoint) {
      if (verbs || ownPath) return sendNoEndpoint(req, res, 405, { allow: [...(verbs?.keys() ?? ['GET'])].join(', ') });
      return sendNoEndpoint(req, res, 404);
    }
    const serving = runInTrace(call.trace, () => endpoint.serve(call, req, res));
    serving.catch((err: unknown) => {
      if (res.destroyed) return;
      log.error({ traceId: call.trace.traceId, requestId: call.requestId, call: call.name, err }, 'response failed');
      if (res.headersSent) res.destroy();
      else sendJson(res, 500, { code: 'internal', reason: 'INTERNAL', message: 'Internal error', details: [] });
    });
  };
}

function headerOf(req: HttpRequest, name: string): string | undefined {
  const value = req.headers[name];
  return typeof value === 'string' ? value : undefined;
}

const NOBODY: Caller = { kind: 'nobody' };

function peerOf(req: HttpRequest): string {
  try {
    const socket = 'stream' in req ? req.stream.session?.socket : req.socket;
    return socket?.remoteAddress ?? '';
  } catch {
    // A session that has lost its socket throws when it is asked for it.
    return '';
  }
}

/** The path of a request, without the query. A target in absolute form has one too. */
function pathOf(req: HttpRequest): string {
  const target = req.url ?? '';
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target);
  return target.slice(absolute?.[0].length ?? 0).split('?', 1)[0]!;
}

function makeWatch({ clock, log, metrics }: Pick<RequestHandlerOptions, 'clock' | 'log' | 'metrics'>) {
  const timer = metrics.timer('api');
  const refusals = metrics.counter('api_refusals_total', 'Calls refused, by reason', ['call', 'reason']);
  const inHand = metrics.gauge('api_in_hand', 'Calls whose response has not ended', ['call']);
  return (call: Call, res: HttpResponse) => {
    const started = clock.monotonic();
    inHand.inc({ call: call.name });
    res.once('close', () => {
      const ms = clock.monotonic() - started;
      const { requestId, name, code, reason } = call;
      // A driver is not named.
      const by = 'name' in call.caller ? call.caller.name : call.caller.kind;
      const { traceId } = call.trace;
      inHand.dec({ call: name });
      timer.observe(name, code, ms);
      if (reason) refusals.inc({ call: name, reason });
      const quiet = code === 'ok' || code === 'canceled';
      log[quiet ? 'debug' : 'info'](
        { traceId, requestId, call: name, by, code, reason, ms: Math.round(ms) },
        'call ended',
      );
    });
  };
}
