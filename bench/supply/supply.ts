import { setTimeout as pause } from 'node:timers/promises';
import { startBroker } from '../../simulator/broker/kafka.ts';
import { startService, untilReady } from '../../simulator/stage/service.ts';
import { openBenchServer } from '../database/bench-server.ts';
import { cpuMsOf } from '../feed/served.ts';
import type { Bench, Reading, Size, Trial } from '../frame.ts';
import { restless } from '../intake/mixes.ts';
import { makeTopicAt } from '../make-topic.ts';
import { openStretchMeter } from '../stretch-meter.ts';
import { fillCity } from '../sustained/fill.ts';
import { produceSteadily } from '../sustained/load.ts';
import { startSurroundings } from '../sustained/surroundings.ts';
import { countedPeople, publishAll } from './city.ts';

/**
 * What it costs to know all the time what the checks cost: the service as it ships, a process of its own with every part, while 1,100 drivers a second connect or disconnect, six in
 * ten of whom are reported; against the same without the part that counts. Before it is measured everybody who is connected has been counted.
 */
const sizes = {
  full: { profiles: 200_000, drivers: 100_000, seconds: 20, settleS: 10 },
  small: { profiles: 4_000, drivers: 2_000, seconds: 3, settleS: 2 },
} as const;
/** Every second of them is a change of connected. */
const EVENTS_PER_SECOND = 2_200;
const WITHOUT = 'intake,delivery,mirror,feed,api';

export const supplyBench: Bench = {
  name: 'supply',
  trials: [{ goals: ['supply-cost'], runs: 6, warmUps: 0, deadlineMs: 240_000, open: openTrial }],
};

async function openTrial(size: Size): Promise<Trial> {
  const { profiles, drivers, seconds, settleS } = sizes[size];
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(await startBroker());
  const server = stack.use(await openBenchServer());
  const surroundings = stack.use(await startSurroundings());
  await server.prepare(async (db) => {
    await fillCity(db, { profiles, drivers });
    await publishAll(db, profiles);
  });
  let turn = 0;
  const measure = async (parts: string, signal: AbortSignal): Promise<Reading> => {
    turn += 1;
    await using database = await server.copy();
    const place = { brokers: broker.brokers, topic: `supply-${turn}` };
    await makeTopicAt(place);
    const meter = openStretchMeter();
    await using service = await startService({
      databaseUrl: database.url,
      brokers: place.brokers,
      cityUrl: surroundings.url,
      env: {
        PARTS: parts,
        NODE_OPTIONS: meter.nodeOptions,
        DEPTRANS_INTAKE_TOPIC: place.topic,
        DEPTRANS_INTAKE_GROUP_ID: place.topic,
      },
      onLine: meter.onLine,
    });
    await untilReady(service.url);
    await using load = await produceSteadily(place, EVENTS_PER_SECOND, drivers, restless);
    const counts = parts !== WITHOUT;
    for (let people = 0; counts && people < drivers / 4; people = await countedPeople(database.db))
      await pause(250, undefined, { signal });
    await pause(settleS * 1_000, undefined, { signal });
    await meter.ask(service.process);
    const [before, databaseBefore, startedAt, given] = [
      await cpuMsOf(service),
      await server.cpuMs(),
      performance.now(),
      load.given(),
    ];
    await pause(seconds * 1_000, undefined, { signal });
    const [after, databaseAfter, wallMs] = [
      await cpuMsOf(service),
      await server.cpuMs(),
      performance.now() - startedAt,
    ];
    const events = load.given() - given;
    const { p99Ms, maxMs, maxRss } = await meter.ask(service.process);
    const reading = {
      value: ((after - before) / events) * 1_000,
      beside: {
        coreShare: ((after - before) / wallMs) * 100,
        databaseUsPerEvent: ((databaseAfter - databaseBefore) / events) * 1_000,
        changesPerSecond: events / 2 / (wallMs / 1_000),
        people: counts ? await countedPeople(database.db) : 0,
        stretchP99Ms: p99Ms,
        stretchMaxMs: maxMs,
        rssMb: maxRss / 1e6,
      },
    };
    if ((await service.stop()) !== 0) throw new Error('The service did not end well.');
    return reading;
  };
  const owned = stack.move();
  return {
    subject: async (signal) => ({ 'supply-cost': await measure(`${WITHOUT},supply`, signal) }),
    baseline: async (signal) => ({ 'supply-cost': await measure(WITHOUT, signal) }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
