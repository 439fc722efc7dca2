import { openBenchDatabase } from '../database/bench-server.ts';
import { readShippedConfig } from '../service-config.ts';
import { callBarely } from './bare-loop.ts';
import { openBenchDelivery } from './open-delivery.ts';

/**
 * One instance of delivery, a process of its own (started with `fork`; its name is the argument). Told `{ database, regulator }` it makes ready and
 * says `ready`; told `start` it delivers; told `stop` it ends that, and says what it used since `start`: `{ cpuMs }`. Then it can be told again: a
 * process that has done it before is as warm as one that runs for days. Told `{ barely, ids }` it makes the calls for these ids and nothing else, and says
 * what that used. Ends when its parent goes.
 */
export type Order =
  | { database: string; regulator: string }
  | { barely: string; ids: readonly number[] }
  | 'start'
  | 'stop';
export type Reply = 'ready' | { cpuMs: number };

const instance = process.argv[2] ?? 'one';
const config = readShippedConfig();
const PATIENCE_MS = 60_000;
let stack = new AsyncDisposableStack();
let delivery: { start(): void } | null = null;
let before = process.cpuUsage();

function used(): { cpuMs: number } {
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1_000 };
}

async function obey(order: Order): Promise<Reply | null> {
  if (order === 'start') {
    before = process.cpuUsage();
    delivery?.start();
    return null;
  }
  if (order === 'stop') {
    const cost = used();
    await stack.disposeAsync();
    stack = new AsyncDisposableStack();
    return cost;
  }
  if ('barely' in order) {
    before = process.cpuUsage();
    const inFlight = config.limits.delivery.maxInFlight;
    await callBarely(order.barely, { ids: order.ids, inFlight, signal: AbortSignal.timeout(PATIENCE_MS) });
    return used();
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
