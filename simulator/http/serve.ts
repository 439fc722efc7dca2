import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { freePort } from '../stage/free-port.ts';
import type { Availability } from './availability.ts';

/** One request on its way through a part of the simulator. `path` is without the part's prefix. */
export type HttpCall = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
};

export type Handler = (call: HttpCall) => Promise<void>;

export type HttpServer = AsyncDisposable & {
  /** `http://127.0.0.1:port`, no slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Ends connections too. */
  close(): Promise<void>;
};

/**
 * Serves a handler on 127.0.0.1. While `availability` says "refused" nothing listens, so that clients see a refused connection; the same
 * port is taken again afterwards. A port that is taken is an error of one sentence.
 */
export async function serve(
  handler: Handler,
  { port = 0, availability }: { port?: number; availability?: Availability } = {},
): Promise<HttpServer> {
  const server = createServer((request, response) => void dispatch(handler, request, response));
  server.keepAliveTimeout = 300_000; // longer than any client's, so that no request meets a closing connection
  const listen = (on: number) =>
    new Promise<void>((resolve, reject) => {
      const failed = (problem: NodeJS.ErrnoException) => {
        const taken = problem.code === 'EADDRINUSE';
        reject(taken ? new Error(`Port ${on} is taken: stop what listens there or choose another.`) : problem);
      };
      server.once('error', failed);
      server.listen(on, '127.0.0.1', () => {
        server.off('error', failed);
        resolve();
      });
    });
  const unlisten = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  // A port that is left for a while must be free afterwards.
  await listen(availability && port === 0 ? await freePort() : port);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  let turn = Promise.resolve();
  const stopFollowing = availability?.follow((mode) => {
    turn = turn.then(() => {
      if (mode === 'refused' && server.listening) return unlisten();
      return mode === 'refused' || server.listening ? undefined : listen(address.port);
    });
    return turn;
  });
  const close = () => {
    stopFollowing?.();
    turn = turn.then(() => (server.listening ? unlisten() : undefined));
    return turn;
  };
  return { url: `http://127.0.0.1:${address.port}`, port: address.port, close, [Symbol.asyncDispose]: close };
}

async function dispatch(handler: Handler, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on('error', () => undefined); // the client left; nothing to tell it
  try {
    const url = new URL(`http://simulator${request.url ?? '/'}`);
    const call = { request, response, method: request.method ?? 'GET', path: url.pathname, query: url.searchParams };
    await handler(call);
  } catch {
    if (!response.headersSent) response.writeHead(500, { 'content-type': 'application/json' });
    response.end('{"error":{"code":"SIMULATOR","message":"the simulator itself failed or is stopping"}}');
  }
}
