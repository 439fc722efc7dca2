import http2, { type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { RequestHandler } from './listener.ts';

/** Requests of one connection that begin at once; the others wait for the next turns of the event loop, one of each connection in each. */
const AT_ONCE = 4;

type Waiting = { stream: ServerHttp2Stream; headers: IncomingHttpHeaders; rawHeaders: string[] };
type Queue = { begun: number; waiting: Waiting[] };

/**
 * Hands the streams of HTTP/2 sessions to the handler in turns, so that a client with hundreds of requests in one packet delays others by a
 * few of them and not by all. One that is reset before its turn costs nothing more.
 */
export function takeTurns(server: http2.Http2Server, handler: RequestHandler): void {
  const queues = new Map<ServerHttp2Session, Queue>();
  let isNextTurnSet = false;

  const begin = ({ stream, headers, rawHeaders }: Waiting) => {
    if (stream.destroyed || stream.closed) return false;
    const req = new http2.Http2ServerRequest(stream, headers, {}, rawHeaders);
    const res = new http2.Http2ServerResponse(stream);
    // A body without a byte may have ended while the request waited, and the request, which listens only now, would wait for that for ever.
    if (stream.readableEnded) req.push(null);
    if (headers.expect === '100-continue') res.writeContinue();
    handler(req, res);
    return true;
  };
  const turn = () => {
    for (const [session, queue] of queues) {
      queue.begun = 0;
      let at = 0;
      while (at < queue.waiting.length && !begin(queue.waiting[at++]!));
      queue.waiting.splice(0, at);
      if (queue.waiting.length === 0) queues.delete(session);
      else queue.begun = AT_ONCE;
    }
    isNextTurnSet = queues.size > 0;
    if (isNextTurnSet) setImmediate(turn);
  };

  server.on('stream', (stream, headers, _flags, rawHeaders) => {
    // Until the request exists nobody else takes the error of a reset.
    stream.on('error', () => {});
    const session = stream.session;
    if (!session) return;
    let queue = queues.get(session as ServerHttp2Session);
    if (!queue) {
      queue = { begun: 0, waiting: [] };
      queues.set(session as ServerHttp2Session, queue);
    }
    if (!isNextTurnSet) setImmediate(turn);
    isNextTurnSet = true;
    const request = { stream, headers, rawHeaders };
    if (queue.begun++ < AT_ONCE) begin(request);
    else queue.waiting.push(request);
  });
}
