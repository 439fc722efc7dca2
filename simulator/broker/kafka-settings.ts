import { createServer, type Server } from 'node:net';

/** The broker's `server.properties`: one node that is broker and controller, nothing replicated, no waiting for more group members. */
export function brokerSettings(place: { port: number; controllerPort: number; logFolder: string }): string {
  return `${Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${place.controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${place.port},CONTROLLER://127.0.0.1:${place.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${place.port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': place.logFolder,
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
  })
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`;
}

/** For each wanted port itself, for each 0 a free one of 127.0.0.1, all different. A wanted port that is taken is an error. */
export async function freePorts(wanted: readonly number[]): Promise<number[]> {
  const probes = await Promise.all(wanted.map(listenOn));
  const ports = probes.map((probe) => {
    const address = probe.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  });
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return ports;
}

function listenOn(port: number): Promise<Server> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.once('error', (problem: NodeJS.ErrnoException) => {
      const taken = problem.code === 'EADDRINUSE';
      reject(taken ? new Error(`Port ${port} is taken: stop what listens there or choose another.`) : problem);
    });
    probe.listen(port, '127.0.0.1', () => resolve(probe));
  });
}
