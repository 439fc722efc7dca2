import type { ServerResponse } from 'node:http';
import { openApi } from '../api/api.ts';
import type { Auth } from '../auth/auth.ts';
import type { Texts } from '../enforcement/enforcement.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Lifetime } from '../runtime/lifetime.ts';
import type { HttpRequest, HttpResponse, Listener, RequestHandler } from '../runtime/listener.ts';
import type { Log } from '../runtime/log.ts';
import { openMetrics } from '../runtime/metrics.ts';
import { openStubServices } from './services.ts';

export type StubOptions = {
  host: string;
  port: number;
  auth: Auth;
  texts: Texts;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
};

/**
 * The whole contract with nothing behind it, for those who write clients: no database, broker, regulator or neighbour. Callers, paths, protocols,
 * errors and limits are the real service's own code; what is answered depends on the words of scripts.ts alone.
 */
export function openStub({ texts, host, port, auth, lifetime, clock, log }: StubOptions): Promise<Listener> {
  return openApi({
    services: openStubServices({ clock, stopping: lifetime.stopping, idDisplay: 'masked', texts }),
    auth,
    readiness: () => (lifetime.stopping.aborted ? ['stopping'] : []),
    host,
    port,
    lifetime,
    clock,
    log,
    metrics: openMetrics(clock),
    around: breakOff,
  });
}

/** A request that asks for it gets the beginning of an answer, and then its connection is cut. */
function breakOff(handler: RequestHandler): RequestHandler {
  return (req, res) => (asksFor(req, 'broken-off') ? cut(res) : handler(req, res));
}

function asksFor({ headers }: HttpRequest, word: string): boolean {
  return headers['x-stub-answer'] === word || headers['x-yataxi-driver-profile-id'] === word;
}

function cut(res: HttpResponse): void {
  const http1 = res as ServerResponse;
  http1.writeHead(200, { 'content-type': 'application/json' });
  http1.write('{"id": {"bou', () => {
    if ('stream' in res) res.stream.session?.destroy();
    else res.destroy();
  });
}
