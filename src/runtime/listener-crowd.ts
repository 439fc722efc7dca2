import { type IncomingMessage, ServerResponse } from 'node:http';
import http2, { type Http2ServerRequest } from 'node:http2';
import type { Socket } from 'node:net';
import type { HttpRequest, HttpResponse, ListenerLimits, RequestHandler } from './listener.ts';

/**
 * What one caller may hold of what the process has, so that nobody can take all of it: connections and requests in hand are bounded for the
 * process and, below that, for each address. What is over is refused at once, in the cheapest way that its protocol has.
 */
export type Crowd = {
  /** Whether one more connection of this address may be open. Counts it until it closes. */
  admit(socket: Socket): boolean;
  /** `handler` for the requests for which there is room. */
  handler: RequestHandler;
};

type Limits = Pick<
  ListenerLimits,
  'maxConnections' | 'maxConnectionsPerAddress' | 'maxRequests' | 'maxRequestsPerAddress'
>;

export function boundCrowd(limits: Limits, handler: RequestHandler, refused: () => void): Crowd {
  const connections = openTally(limits.maxConnections, limits.maxConnectionsPerAddress);
  const requests = openTally(limits.maxRequests, limits.maxRequestsPerAddress);
  const addresses = new WeakMap<object, string>();
  const addressOf = (req: HttpRequest): string => {
    const connection = isHttp2(req) ? req.stream.session! : (req as IncomingMessage).socket;
    let address = addresses.get(connection);
    if (address === undefined) {
      address = req.socket.remoteAddress ?? '';
      addresses.set(connection, address);
    }
    return address;
  };
  return {
    admit(socket) {
      const address = socket.remoteAddress ?? '';
      if (!connections.take(address)) {
        refused();
        return false;
      }
      socket.once('close', () => connections.give(address));
      return true;
    },
    handler(req, res) {
      if (isHttp2(req) && !req.stream.session) return; // gone before its turn came
      const address = addressOf(req);
      if (!requests.take(address)) {
        refused();
        refuse(req, res);
        return;
      }
      res.once('close', () => requests.give(address));
      handler(req, res);
    },
  };
}

function openTally(max: number, maxPerAddress: number) {
  const held = new Map<string, number>();
  let all = 0;
  return {
    take(address: string): boolean {
      const own = held.get(address) ?? 0;
      if (all >= max || own >= maxPerAddress) return false;
      held.set(address, own + 1);
      all += 1;
      return true;
    },
    give(address: string): void {
      const own = held.get(address)! - 1;
      if (own === 0) held.delete(address);
      else held.set(address, own);
      all -= 1;
    },
  };
}

const isHttp2 = (req: HttpRequest): req is Http2ServerRequest => 'stream' in req;

/** HTTP/2 has a word for "not looked at, try elsewhere"; HTTP/1.1 has 503. */
function refuse(req: HttpRequest, res: HttpResponse): void {
  if (isHttp2(req)) req.stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  else if (res instanceof ServerResponse) res.writeHead(503, { connection: 'close', 'retry-after': '1' }).end();
}
