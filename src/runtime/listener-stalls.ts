import type { Http2ServerResponse } from 'node:http2';
import type { HttpResponse, RequestHandler } from './listener.ts';

const LOOKS = 8;

/**
 * `handler`, watched: a connection whose client has taken nothing of a response for `stallMs`, though there is something for it, is ended. Pings
 * do not find such a client, since its HTTP/2 library answers them while nobody reads; without this it would keep what is written to it
 * for ever. A client that reads slowly is left alone as long as it takes a chunk in that time.
 */
export function endStalled(
  handler: RequestHandler,
  stallMs: number,
  stalled: () => void,
): { handler: RequestHandler; stop(): void } {
  /**
   * At how many looks in a row each response has waited for its client; those that do not wait are not in it. Looks and not time: after this
   * process was held up itself, clients have had no chance to take anything.
   */
  const waiting = new Map<HttpResponse, number>();
  const open = new Set<HttpResponse>();
  const look = () => {
    for (const res of open) {
      if (!needsDrain(res)) waiting.delete(res);
      else if (!waiting.has(res)) waiting.set(res, 0);
      else if (waiting.get(res)! < LOOKS) waiting.set(res, waiting.get(res)! + 1);
      else {
        stalled();
        endConnection(res);
      }
    }
  };
  const timer = setInterval(look, stallMs / LOOKS).unref();
  return {
    handler(req, res) {
      open.add(res);
      res.on('drain', () => waiting.delete(res));
      res.once('close', () => {
        open.delete(res);
        waiting.delete(res);
      });
      handler(req, res);
    },
    stop: () => clearInterval(timer),
  };
}

const isHttp2 = (res: HttpResponse): res is Http2ServerResponse => 'stream' in res;

/** Whether there is something for the client to take: what the handler waits for, or the rest of an answer that it has ended. */
function needsDrain(res: HttpResponse): boolean {
  const out = isHttp2(res) ? res.stream : res;
  return out.writableNeedDrain || (out.writableEnded && out.writableLength > 0);
}

function endConnection(res: HttpResponse): void {
  if (isHttp2(res)) res.stream.session?.destroy();
  else res.destroy();
}
