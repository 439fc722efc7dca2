import { createServer, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

/** What the server does on a connection once a request's first bytes have come (`atOnce`: as soon as it is open). */
export type Behaviour = { atOnce?: true; serve(socket: Socket): void };

const CRLF = '\r\n';

/** An answer as bytes, with a length unless the headers say otherwise. */
export function answer(status: string, body: string | Buffer, headers: Record<string, string> = {}): Buffer {
  const given = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(given).map(([name, value]) => `${name}: ${value}${CRLF}`);
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status}${CRLF}${lines.join('')}${CRLF}`), Buffer.from(body)]);
}

export const says = (bytes: string | Buffer): Behaviour => ({ serve: (socket) => void socket.write(bytes) });
export const saysAndEnds = (bytes: string | Buffer): Behaviour => ({ serve: (socket) => void socket.end(bytes) });

/** Goes on saying something for as long as the other side listens. */
export const repeats = (first: string, again: string | (() => string), everyMs: number): Behaviour => ({
  serve(socket) {
    socket.write(first);
    const timer = setInterval(() => socket.write(typeof again === 'string' ? again : again()), everyMs);
    socket.on('close', () => clearInterval(timer));
  },
});

export const gzipBomb = (bytes: number): Buffer => gzipSync(Buffer.alloc(bytes, ' '));

export type HostileServer = AsyncDisposable & {
  readonly port: number;
  /** Connections that are open now. */
  readonly open: number;
};

/** A server that answers logins and checks of ids well, and everything else by `behaviour`. */
export async function openHostileServer(behaviour: Behaviour): Promise<HostileServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // the other side has the right to leave
    socket.on('close', () => sockets.delete(socket));
    if (behaviour.atOnce) return behaviour.serve(socket.resume());
    socket.on('data', (bytes) => {
      const text = bytes.toString('latin1');
      if (text.startsWith('POST /authenticate')) socket.write(answer('200 OK', '{"token":"abc"}'));
      else if (text.startsWith('POST /drivers/check')) socket.write(answer('200 OK', '{"valid":true}'));
      else if (/^(GET|POST) /.test(text)) behaviour.serve(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    get open() {
      return sockets.size;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
