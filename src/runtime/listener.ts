import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import net, { type AddressInfo, type Socket } from 'node:net';
import { trackRequests } from './listener-requests.ts';
import { trackSessions } from './listener-sessions.ts';
import { sniffProtocol } from './listener-sniff.ts';
import { endStalled } from './listener-stalls.ts';

/**
 * One port for HTTP/1.1 and HTTP/2 without TLS. A connection is HTTP/2 if it begins with the client preface, else HTTP/1.1.
 *
 * It guarantees that no client can hold a connection without speaking (preface, header and request time-outs, pings on HTTP/2), that
 * headers and the number of connections and streams are bounded, that a client which takes nothing of an answer is dropped, that an
 * error of a socket never leaves it, and that `close` lets requests in hand end. It does not bound bodies (the handler reads them) nor what
 * a handler writes before it waits for its client.
 */
export type RequestHandler = (req: HttpRequest, res: HttpResponse) => void;

export type HttpRequest = IncomingMessage | Http2ServerRequest;
export type HttpResponse = ServerResponse | Http2ServerResponse;

export type ListenerLimits = {
  /** More connections than that are closed at once. */
  maxConnections: number;
  maxHeaderBytes: number;
  maxStreamsPerConnection: number;
  /** From connect to enough bytes to tell the protocol. */
  prefaceTimeoutMs: number;
  /** HTTP/1.1: from the first byte of a request to the end of its headers. */
  headersTimeoutMs: number;
  /** HTTP/1.1: from the first byte of a request to the end of its body. */
  requestTimeoutMs: number;
  /** HTTP/1.1: how long a connection may be idle. Longer than a proxy's, so that the proxy closes first. */
  keepAliveTimeoutMs: number;
  /** HTTP/2: a ping that is not answered until the next one is due ends the connection. */
  pingIntervalMs: number;
  /** A client that has taken nothing of an answer for so long is cut off. */
  stallMs: number;
};

export const LISTENER_LIMITS: ListenerLimits = {
  maxConnections: 4_096,
  maxHeaderBytes: 16_384,
  maxStreamsPerConnection: 256,
  prefaceTimeoutMs: 5_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  pingIntervalMs: 20_000,
  stallMs: 30_000,
};

export type Listener = AsyncDisposable & {
  /** `http://host:port`, as a client on this machine would write it. */
  readonly url: string;
  readonly port: number;
  /** Takes nothing new, lets requests in hand end for up to `graceMs`, then cuts. Resolves when no connection is left. */
  close(graceMs: number): Promise<void>;
};

export type ListenerOptions = {
  host: string;
  /** 0: any free one. */
  port: number;
  handler: RequestHandler;
  limits?: Partial<ListenerLimits>;
};

/** Listens. Rejects if the port is taken. Disposing it closes without grace. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const limits = { ...LISTENER_LIMITS, ...options.limits };
  const stalls = endStalled(options.handler, limits.stallMs);
  const requests = trackRequests(stalls.handler);
  const http1 = openHttp1(limits, requests.handler);
  const http2Server = openHttp2(limits, stalls.handler);
  const { front, sockets, undecided } = openFront(limits, (socket, protocol) => {
    if (protocol === 'http2') {
      socket.allowHalfOpen = false;
      http2Server.emit('connection', socket);
    } else {
      requests.add(socket);
      http1.emit('connection', socket);
      socket.resume();
    }
  });
  await listen(front, options.host, options.port);
  const sessions = trackSessions(http2Server, limits.pingIntervalMs);
  // The HTTP/1.1 server never listens itself; this is where it starts the timers of headers and requests.
  http1.emit('listening');

  let closing: Promise<void> | undefined;
  const close = async (graceMs: number) => {
    const closed = new Promise<void>((resolve) => front.close(() => resolve()));
    http1.close();
    for (const socket of undecided) socket.destroy();
    requests.drain();
    sessions.drain();
    const cut = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(cut);
    stalls.stop();
  };
  const { port } = front.address() as AddressInfo;
  return {
    url: `http://${hostForUrl(options.host)}:${port}`,
    port,
    close: (graceMs) => (closing ??= close(graceMs)),
    [Symbol.asyncDispose]: () => (closing ??= close(0)),
  };
}

type Decided = (socket: Socket, protocol: 'http1' | 'http2') => void;

/** What accepts connections and finds out what they speak. `sockets`: all that are open; `undecided`: those that have not shown it yet. */
function openFront(limits: ListenerLimits, decided: Decided) {
  const sockets = new Set<Socket>();
  const undecided = new Set<Socket>();
  const front = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    undecided.add(socket);
    // Who reads or writes the socket learns of its errors; this one keeps those of nobody from ending the process.
    socket.on('error', () => {});
    socket.once('close', () => {
      sockets.delete(socket);
      undecided.delete(socket);
    });
    sniffProtocol(socket, limits.prefaceTimeoutMs, (protocol) => {
      undecided.delete(socket);
      decided(socket, protocol);
    });
  });
  front.maxConnections = limits.maxConnections;
  return { front, sockets, undecided };
}

function openHttp1(limits: ListenerLimits, handler: RequestHandler): http.Server {
  return http.createServer(
    {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
    },
    handler,
  );
}

function openHttp2(limits: ListenerLimits, handler: RequestHandler): http2.Http2Server {
  return http2.createServer(
    {
      maxSessionMemory: 16,
      settings: {
        enablePush: false,
        maxConcurrentStreams: limits.maxStreamsPerConnection,
        maxHeaderListSize: limits.maxHeaderBytes,
      },
    },
    handler,
  );
}

function listen(server: net.Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      // After that an error is one of accepting (no file descriptors left, say): that connection is lost, not the server.
      server.on('error', () => {});
      resolve();
    });
  });
}

function hostForUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
