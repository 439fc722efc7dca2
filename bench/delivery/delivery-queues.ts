import { type Cost, ratesOf } from '../cost.ts';
import { openBenchServer } from '../database/bench-server.ts';
import type { Bench, Size, Trial } from '../frame.ts';
import { readShippedConfig } from '../service-config.ts';
import { startAnsweringServer } from './answering-server.ts';
import { deliverAll } from './delivery-run.ts';
import { fillQueue } from './fill-queue.ts';
import { fillJobs, runJobs } from './graphile-run.ts';

/**
 * P2 against a job queue: the service and graphile-worker take the same reports from one PostgreSQL, durable for both, to a regulator that answers at
 * once. The baseline that judges keeps the regulator's answers as the service does; beside it stands what bare jobs cost that keep nothing.
 */
const reports = { full: 20_000, small: 1_000 } as const;

export const deliveryQueuesBench: Bench = {
  name: 'delivery-queues',
  trials: [{ goals: ['P2-queues'], runs: 3, warmUps: 1, deadlineMs: 240_000, open: openTrial }],
};

async function openTrial(size: Size): Promise<Trial> {
  const count = reports[size];
  const config = readShippedConfig();
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openBenchServer());
  const regulator = stack.use(await startAnsweringServer(0));
  await server.prepare(async (db, url) => {
    await fillQueue(db, count);
    await fillJobs(db, url);
  });
  const verify = async () => {
    const { calls, drivers } = await regulator.count();
    if (calls !== count || drivers !== count) throw new Error(`${calls} calls to ${drivers} drivers, not ${count}.`);
  };
  const inFlight = config.limits.delivery.maxInFlight;
  const measured = async (work: (database: Awaited<ReturnType<typeof server.copy>>) => Promise<Cost>) => {
    await using database = await server.copy();
    const before = await server.cpuMs();
    const rates = ratesOf(count, await work(database));
    const databaseCpuUsEach = (((await server.cpuMs()) - before) / count) * 1000;
    await verify();
    return { ...rates, databaseCpuUsEach };
  };
  const owned = stack.move();
  return {
    async subject(signal) {
      const { perSecondOfCpu, ...beside } = await measured((database) =>
        deliverAll(database, regulator.url, { count, config, signal }),
      );
      return { 'P2-queues': { value: perSecondOfCpu, beside } };
    },
    async baseline(signal) {
      const jobs = (keepsAnswers: boolean) =>
        measured((database) => runJobs(database, regulator.url, { count, inFlight, keepsAnswers, signal }));
      const bare = await jobs(false);
      const { perSecondOfCpu, ...beside } = await jobs(true);
      const besideBare = { bareCpuUsEach: bare.cpuUsEach, barePerSecond: bare.perSecond };
      return { 'P2-queues': { value: perSecondOfCpu, beside: { ...beside, ...besideBare } } };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
