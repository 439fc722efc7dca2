import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import { boundCrowd } from './listener-crowd.ts';
import { endFloods } from './listener-floods.ts';
import { openFront, type TlsKeys } from './listener-front.ts';
import { trackRequests } from './listener-requests.ts';
import { trackSessions } from './listener-sessions.ts';
import { endStalled } from './listener-stalls.ts';
import { takeTurns } from './listener-turns.ts';

/**
 * One port for HTTP/1.1 and HTTP/2, with TLS or without. Without it a connection is HTTP/2 if it begins with the client preface, else HTTP/1.1.
 *
 * It guarantees that no client can hold a connection without speaking (preface, header and request time-outs, pings and an idle time on
 * HTTP/2), that headers and the number of connections, streams and requests are bounded, for the process and for each address, that a client
 * which takes nothing of an answer or floods the protocol is dropped, that an error of a socket never leaves it, and that `close` lets requests
 * in hand end. It does not bound bodies (the handler reads them) nor what a handler writes before it waits for its client.
 */
export type RequestHandler = (req: HttpRequest, res: HttpResponse) => void;

export type HttpRequest = IncomingMessage | Http2ServerRequest;
export type HttpResponse = ServerResponse | Http2ServerResponse;

export type ListenerLimits = {
  /** More connections than that are closed at once. */
  maxConnections: number;
  maxConnectionsPerAddress: number;
  /** Requests in hand; more are refused as not looked at. */
  maxRequests: number;
  maxRequestsPerAddress: number;
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
  /** HTTP/2: how long a connection may be without a stream. */
  idleTimeoutMs: number;
  /** HTTP/2: PING and SETTINGS frames of a connection in a second. */
  maxControlFrames: number;
  /** HTTP/2: streams that a client may reset at once, and then in each second. */
  resetBurst: number;
  resetsPerSecond: number;
  /** A client that has taken nothing of an answer for so long is cut off. */
  stallMs: number;
};

export const LISTENER_LIMITS: ListenerLimits = {
  maxConnections: 4_096,
  maxConnectionsPerAddress: 2_048,
  maxRequests: 8_192,
  maxRequestsPerAddress: 4_096,
  maxHeaderBytes: 16_384,
  maxStreamsPerConnection: 256,
  prefaceTimeoutMs: 5_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  pingIntervalMs: 20_000,
  idleTimeoutMs: 300_000,
  maxControlFrames: 500,
  resetBurst: 1_000,
  resetsPerSecond: 50,
  stallMs: 30_000,
};

/** Why a client was turned away or cut off. */
export type Cut = 'crowd' | 'flood' | 'stall';

export type Listener = AsyncDisposable & {
  /** `http://host:port` (`https:` with TLS), as a client on this machine would write it. */
  readonly url: string;
  readonly port: number;
  /**
   * For `drainMs` everything is taken as before, but HTTP/1.1 connections end with their next answer: who sends us work has time to learn that
   * we go. Then takes nothing new, lets requests in hand end for up to `graceMs`, and cuts. Resolves when no connection is left.
   */
  close(graceMs: number, drainMs?: number): Promise<void>;
  /** With TLS: connections made from now on get this certificate. Throws if it cannot be used. */
  renew(keys: TlsKeys): void;
};

export type ListenerOptions = {
  host: string;
  /** 0: any free one. */
  port: number;
  handler: RequestHandler;
  limits?: Partial<ListenerLimits>;
  tls?: TlsKeys | undefined;
  /** Told of each client that was turned away or cut off. */
  onCut?: (why: Cut) => void;
};

/** Listens. Rejects if the port is taken or the certificate cannot be used. Disposing it closes without grace. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const limits = { ...LISTENER_LIMITS, ...options.limits };
  const { onCut: told = () => {} } = options;
  const stalls = endStalled(options.handler, limits.stallMs, () => told('stall'));
  const crowd = boundCrowd(limits, stalls.handler, () => told('crowd'));
  const requests = trackRequests(crowd.handler);
  const http1 = openHttp1(limits, requests.handler);
  const http2Server = openHttp2(limits, crowd.handler);
  const front = openFront({
    ...limits,
    tls: options.tls,
    admit: crowd.admit,
    decided(socket, protocol) {
      if (protocol === 'http2') {
        socket.allowHalfOpen = false;
        http2Server.emit('connection', socket);
      } else {
        requests.add(socket);
        http1.emit('connection', socket);
        socket.resume();
      }
    },
  });
  await listen(front.server, options.host, options.port);
  const sessions = trackSessions(http2Server, limits);
  const floods = endFloods(http2Server, limits, () => told('flood'));
  // The HTTP/1.1 server never listens itself; this is where it starts the timers of headers and requests.
  http1.emit('listening');

  const drained = Promise.withResolvers<void>();
  const close = async (graceMs: number, drainMs: number) => {
    requests.sayClose();
    const drain = setTimeout(drained.resolve, drainMs);
    if (drainMs > 0) await drained.promise;
    clearTimeout(drain);
    const closed = new Promise<void>((resolve) => front.server.close(() => resolve()));
    http1.close();
    for (const socket of front.undecided) socket.destroy();
    requests.drain();
    sessions.drain();
    const cut = setTimeout(() => {
      for (const socket of front.sockets) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(cut);
    stalls.stop();
    floods.stop();
  };
  let closing: Promise<void> | undefined;
  const closeOnce = (graceMs: number, drainMs: number) => {
    closing ??= close(graceMs, drainMs);
    return closing;
  };
  const { port } = front.server.address() as AddressInfo;
  return {
    url: `${options.tls ? 'https' : 'http'}://${hostForUrl(options.host)}:${port}`,
    port,
    renew: front.renew,
    close: (graceMs, drainMs = 0) => closeOnce(graceMs, drainMs),
    [Symbol.asyncDispose]: () => {
      drained.resolve();
      return closeOnce(0, 0);
    },
  };
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
  const server = http2.createServer({
    maxSessionMemory: 16,
    streamResetBurst: limits.resetBurst,
    streamResetRate: limits.resetsPerSecond,
    settings: {
      enablePush: false,
      maxConcurrentStreams: limits.maxStreamsPerConnection,
      maxHeaderListSize: limits.maxHeaderBytes,
    },
  });
  takeTurns(server, handler);
  return server;
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
