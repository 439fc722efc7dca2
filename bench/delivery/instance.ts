import { openBenchDatabase } from '../database/bench-server.ts';
import { readShippedConfig } from '../service-config.ts';
import { openBenchDelivery } from './open-delivery.ts';

/**
 * One instance of delivery, a process of its own (started with `fork`; its name is the argument). Told `{ database, regulator }` it makes ready and
 * says `ready`; told `start` it delivers; told `stop` it ends that, and says what it used since `start`: `{ cpuMs }`. Then it can be told again: a
 * process that has done it before is as warm as one that runs for days. Ends when its parent goes.
 */
export type Order = { database: string; regulator: string } | 'start' | 'stop';
export type Reply = 'ready' | { cpuMs: number };

const instance = process.argv[2] ?? 'one';
const config = readShippedConfig();
let stack = new AsyncDisposableStack();
let delivery: { start(): void } | null = null;
let before = process.cpuUsage();

async function obey(order: Order): Promise<Reply | null> {
  if (order === 'start') {
    before = process.cpuUsage();
    delivery?.start();
    return null;
  }
  if (order === 'stop') {
    const { user, system } = process.cpuUsage(before);
    await stack.disposeAsync();
    stack = new AsyncDisposableStack();
    return { cpuMs: (user + system) / 1_000 };
  }
  const database = stack.use(openBenchDatabase(order.database));
  delivery = stack.use(await openBenchDelivery(database, order.regulator, { config, instance }));
  return 'ready';
}

process.on('message', (order: Order) => {
  obey(order).then(
    (reply) => reply !== null && process.send?.(reply),
    (problem) => {
      process.stderr.write(`${problem}\n`);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit());
