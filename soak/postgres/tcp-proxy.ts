import { connect, createServer, type Socket } from 'node:net';

/**
 * A wire that can be cut. In front of PostgreSQL it stands for the network, and for the address that follows a failover.
 *
 * A black hole is as real ones are: nobody is told. What is sent into it is gone, connections made before or in it never work again, even after it
 * has closed; they neither end nor answer.
 */
export type TcpProxy = AsyncDisposable & {
  readonly port: number;
  /** Where connections lead from now on. */
  lead(toPort: number): void;
  /** Opens the black hole. */
  swallow(): void;
  /** Closes it, for new connections. */
  heal(): void;
};

export async function openTcpProxy(toPort: number): Promise<TcpProxy> {
  const pairs = new Set<{ client: Socket; server: Socket | null }>();
  let target = toPort;
  let swallowing = false;
  const proxy = createServer({ noDelay: true }, (client) => {
    const server = swallowing ? null : connect({ port: target, host: '127.0.0.1', noDelay: true });
    const pair = { client, server };
    pairs.add(pair);
    const end = () => {
      client.destroy();
      server?.destroy();
      pairs.delete(pair);
    };
    for (const socket of [client, server]) socket?.on('error', end).on('close', end);
    if (!server) return void client.resume(); // read and forgotten
    client.pipe(server);
    server.pipe(client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    port: (proxy.address() as { port: number }).port,
    lead(port) {
      target = port;
    },
    swallow() {
      swallowing = true;
      for (const { client, server } of pairs) {
        if (!server) continue;
        client.unpipe(server).resume();
        server.unpipe(client).removeAllListeners('close').destroy(); // the server ends what it sees cut; the client hears nothing
      }
    },
    heal() {
      swallowing = false;
    },
    async [Symbol.asyncDispose]() {
      for (const { client } of pairs) client.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
