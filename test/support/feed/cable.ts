import { connect, createServer, type Socket } from 'node:net';

/** A TCP connection to a server that can be cut and mended, as networks are. */
export type Cable = AsyncDisposable & { readonly port: number; cut(): void; mend(): void };

export function openCable(targetPort: number): Promise<Cable> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const hold = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((near) => {
    hold(near);
    if (isCut) return near.destroy();
    const far = connect(targetPort, '127.0.0.1');
    hold(far);
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    return undefined;
  });
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address ? address.port : 0,
        cut() {
          isCut = true;
          drop();
        },
        mend() {
          isCut = false;
        },
        [Symbol.asyncDispose]() {
          drop();
          return new Promise((closed) => server.close(() => closed()));
        },
      });
    });
  });
}
