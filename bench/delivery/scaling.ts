import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { openBenchServer } from '../database/bench-server.ts';
import type { Bench, Readings, Size, Trial } from '../frame.ts';
import { until } from '../until.ts';
import { startAnsweringServer } from './answering-server.ts';
import { assertSettled } from './delivery-run.ts';
import { fillQueue, firstId } from './fill-queue.ts';
import type { Order, Reply } from './instance.ts';

/**
 * P12: four instances share the work of one, each a process of its own with connections of its own, over one database and to one regulator that answers
 * at once and sets no limit. The same four processes, in turn, are the one: all are equally warm. Beside it is printed what the bare calls cost them, four at
 * once and one alone: where instances share cores, that alone grows.
 */
const reports = { full: 60_000, small: 2_000 } as const;
const INSTANCES = 4;

export const scalingBench: Bench = {
  name: 'scaling',
  trials: [{ goals: ['P12', 'P12-cpu'], runs: 4, warmUps: INSTANCES, deadlineMs: 240_000, open: openTrial }],
};

async function openTrial(size: Size): Promise<Trial> {
  const count = reports[size];
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openBenchServer());
  const regulator = stack.use(await startAnsweringServer(0));
  await server.prepare((db) => fillQueue(db, count));
  const all = Array.from({ length: INSTANCES }, (_, i) => stack.use(startInstance(`instance-${i}`)));

  const deliver = async (instances: readonly Instance[], signal: AbortSignal): Promise<Readings> => {
    await using database = await server.copy();
    for (const instance of instances) await instance.ask({ database: database.url, regulator: regulator.url });
    const before = await server.cpuMs();
    const startedAt = performance.now();
    for (const instance of instances) instance.tell('start');
    const sent = async () => {
      const { rows } = await sql<{ n: number }>`
        select coalesce(sum(n), 0)::int as n from deptrans.balance where outcome = 'sent'`.execute(database.db);
      return rows[0]!.n;
    };
    await until(async () => (await sent()) >= count, { everyMs: 20, signal });
    const perSecond = (count / (performance.now() - startedAt)) * 1_000;
    const databaseCpuUsEach = (((await server.cpuMs()) - before) / count) * 1_000;
    const cpuMs = sumOf(await Promise.all(instances.map((instance) => instance.ask('stop'))));
    const { calls, drivers, readings } = await regulator.count();
    // A call whose end nobody saw is asked about, and made again if it was not there.
    if (drivers !== count || calls > count + readings) {
      throw new Error(`${calls} calls to ${drivers} drivers, not ${count}; ${readings} doubts.`);
    }
    await assertSettled(database.db, count);
    const bareCpuUsEach = (await callAllBarely(instances, regulator.url, count)) / (count / 1_000);
    await regulator.count();
    const beside = {
      databaseCpuUsEach,
      cpuUsEach: (cpuMs / count) * 1_000,
      bareCpuUsEach,
      perSecond,
      doubts: readings,
    };
    return { P12: { value: perSecond, beside }, 'P12-cpu': { value: cpuMs / count, beside } };
  };
  let turn = 0;
  const owned = stack.move();
  return {
    subject: (signal) => deliver(all, signal),
    baseline: (signal) => deliver([all[turn++ % INSTANCES]!], signal),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The same calls by the same processes, and nothing but the calls: what the machine makes of several at once. CPU, ms. */
async function callAllBarely(instances: readonly Instance[], barely: string, count: number): Promise<number> {
  const share = count / instances.length;
  const costs = instances.map((instance, nth) =>
    instance.ask({ barely, ids: Array.from({ length: share }, (_, i) => firstId + nth * share + i) }),
  );
  return sumOf(await Promise.all(costs));
}

function sumOf(costs: readonly Reply[]): number {
  return costs.reduce((sum, cost) => sum + (typeof cost === 'object' ? cost.cpuMs : Number.NaN), 0);
}

type Instance = AsyncDisposable & { ask(order: Order): Promise<Reply>; tell(order: Order): void };

function startInstance(name: string): Instance {
  const child: ChildProcess = fork(fileURLToPath(new URL('instance.ts', import.meta.url)), [name]);
  const exited = once(child, 'exit');
  return {
    tell: (order) => child.send(order),
    async ask(order) {
      const gone = exited.then(() => Promise.reject(new Error(`${name} ended by itself.`)));
      const reply = once(child, 'message');
      child.send(order);
      const [message] = await Promise.race([reply, gone]);
      return message as Reply;
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
