import { type Cost, costOf, ratesOf } from '../cost.ts';
import { openBenchServer } from '../database/bench-server.ts';
import type { Bench, Reading, Size, Trial } from '../frame.ts';
import { readShippedConfig } from '../service-config.ts';
import { startAnsweringServer } from './answering-server.ts';
import { callBarely } from './bare-loop.ts';
import { deliverAll } from './delivery-run.ts';
import { fillQueue, firstId } from './fill-queue.ts';

/**
 * P2 and P3: from a filled queue to a regulator that answers at once, or after 100 ms, in another process; against a bare undici loop that
 * makes the same calls. Real PostgreSQL, durable; positions come from memory. A turn lasts ten seconds or more: each opens a delivery of its own, whose
 * functions V8 compiles anew, where a service opens one for all its days; and of P3, a rate, the first claim and the last settlement, 0.4 s with nobody
 * to call, weigh a hundredth.
 */
const reports = { full: 60_000, small: 2_000 } as const;

export const deliveryBench: Bench = {
  name: 'delivery',
  trials: [
    { goals: ['P2'], runs: 5, warmUps: 2, deadlineMs: 120_000, open: (size) => openTrial('P2', 0, size) },
    { goals: ['P3'], runs: 3, warmUps: 0, deadlineMs: 120_000, open: (size) => openTrial('P3', 100, size) },
  ],
};

async function openTrial(goal: 'P2' | 'P3', delayMs: number, size: Size): Promise<Trial> {
  const count = reports[size];
  const config = readShippedConfig();
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openBenchServer());
  const regulator = stack.use(await startAnsweringServer(delayMs));
  await server.prepare((db) => fillQueue(db, count));
  const ids = Array.from({ length: count }, (_, i) => firstId + i);
  const inFlight = config.limits.delivery.maxInFlight;
  const verify = async () => {
    const { calls, drivers } = await regulator.count();
    if (calls !== count || drivers !== count) throw new Error(`${calls} calls to ${drivers} drivers, not ${count}.`);
  };
  // Judged by the CPU of the process where the machine decides, by the clock where the regulator does.
  const read = (cost: Cost): Reading => {
    const { perSecondOfCpu, perSecond, cpuUsEach } = ratesOf(count, cost);
    return delayMs === 0
      ? { value: perSecondOfCpu, beside: { perSecond, cpuUsEach } }
      : { value: perSecond, beside: { perSecondOfCpu, cpuUsEach } };
  };
  const owned = stack.move();
  return {
    async subject(signal) {
      await using database = await server.copy();
      const before = await server.cpuMs();
      const reading = read(await deliverAll(database, regulator.url, { count, config, signal }));
      const databaseCpuUsEach = (((await server.cpuMs()) - before) / count) * 1000;
      await verify();
      return { [goal]: { ...reading, beside: { ...reading.beside, databaseCpuUsEach } } };
    },
    async baseline(signal) {
      const reading = read(await costOf(() => callBarely(regulator.url, { ids, inFlight, signal })));
      await verify();
      return { [goal]: reading };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
