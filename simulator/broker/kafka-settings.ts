import { freePort, isFree } from '../stage/free-port.ts';

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
  return await Promise.all(wanted.map((port) => (port === 0 ? freePort() : wantedPort(port))));
}

async function wantedPort(port: number): Promise<number> {
  if (await isFree(port)) return port;
  throw new Error(`Port ${port} is taken: stop what listens there or choose another.`);
}
