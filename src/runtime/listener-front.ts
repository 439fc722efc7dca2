import net, { type Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { sniffProtocol } from './listener-sniff.ts';

export type Protocol = 'http1' | 'http2';

/** Certificate chain and key, PEM. */
export type TlsKeys = { cert: string; key: string };

const MIN_VERSION = 'TLSv1.2';

export type FrontOptions = {
  tls: TlsKeys | undefined;
  maxConnections: number;
  /** From connect to enough bytes to tell the protocol; with TLS twice, for the handshake and for the bytes. */
  prefaceTimeoutMs: number;
  /** Whether a connection may stay. */
  admit(socket: Socket): boolean;
  decided(socket: Socket, protocol: Protocol): void;
};

/** What accepts connections and finds out what they speak. */
export type Front = {
  readonly server: net.Server;
  /** All that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** Those that have not shown what they speak. */
  readonly undecided: ReadonlySet<Socket>;
  /** Handshakes that begin from now on show this certificate. Throws if it cannot be used, or without TLS. */
  renew(keys: TlsKeys): void;
};

/** Without TLS the first bytes tell the protocol. With it the client chooses in the handshake; one that does not is told by its bytes. */
export function openFront(options: FrontOptions): Front {
  const sockets = new Set<Socket>();
  const undecided = new Set<Socket>();
  const accept = (socket: Socket): boolean => {
    // Who reads or writes the socket learns of its errors; this one keeps those of nobody from ending the process.
    socket.on('error', () => {});
    if (!options.admit(socket)) {
      socket.destroy();
      return false;
    }
    sockets.add(socket);
    undecided.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      undecided.delete(socket);
    });
    return true;
  };
  const decide = (socket: Socket, raw: Socket, protocol: Protocol) => {
    undecided.delete(raw);
    options.decided(socket, protocol);
  };
  const sniff = (socket: Socket, raw: Socket) =>
    sniffProtocol(socket, options.prefaceTimeoutMs, (protocol) => decide(socket, raw, protocol));
  const server = options.tls
    ? openSecure(options.tls, options, accept, (socket, raw) => {
        if (socket.alpnProtocol === 'h2') decide(socket, raw, 'http2');
        else sniff(socket, raw);
      })
    : net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
        if (accept(socket)) sniff(socket, socket);
      });
  server.maxConnections = options.maxConnections;
  const renew = (keys: TlsKeys) => {
    if (!(server instanceof tls.Server)) throw new Error('This port speaks no TLS.');
    server.setSecureContext({ ...keys, minVersion: MIN_VERSION });
  };
  return { server, sockets, undecided, renew };
}

function openSecure(
  keys: TlsKeys,
  { prefaceTimeoutMs }: FrontOptions,
  accept: (socket: Socket) => boolean,
  secured: (socket: TLSSocket, raw: Socket) => void,
): tls.Server {
  const raws = new Map<string, Socket>();
  const nameOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;
  const server = tls.createServer({
    ...keys,
    ALPNProtocols: ['h2', 'http/1.1'],
    minVersion: MIN_VERSION,
    handshakeTimeout: prefaceTimeoutMs,
    allowHalfOpen: true,
    noDelay: true,
  });
  // Before the server's own listener, which begins the handshake: a connection that may not stay shall not cost one.
  server.prependListener('connection', (raw: Socket) => {
    if (!accept(raw)) return;
    const name = nameOf(raw);
    raws.set(name, raw);
    raw.once('close', () => raws.delete(name));
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    const raw = raws.get(nameOf(socket));
    if (raw) secured(socket, raw);
    else socket.destroy();
  });
  // A handshake that fails ends its connection; there is nobody to tell.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}
