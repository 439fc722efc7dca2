import { sql } from 'kysely';
import { startBroker } from '../../simulator/broker/kafka.ts';
import { decodeMessage } from '../../src/intake/decode.ts';
import { inTransaction } from '../../src/store/database.ts';
import { costOf, ratesOf } from '../cost.ts';
import { type BenchServer, openBenchServer } from '../database/bench-server.ts';
import { fillPeople } from '../database/fill-people.ts';
import type { Bench, Reading, Size, Trial, TrialPlan } from '../frame.ts';
import type { GoalId } from '../goals.ts';
import { readShippedConfig } from '../service-config.ts';
import { consumeBarely } from './bare-consumer.ts';
import { type Mix, restless, shift } from './mixes.ts';
import { openMessages, produceEvents, type Topic } from './produce-events.ts';
import { openGraphileWorker, openPgBoss } from './queues.ts';
import { assertTaken, takeTopic } from './take-topic.ts';

/**
 * P1: a filled topic of a real broker into a real, durable PostgreSQL by the service's intake, against a kafkajs consumer that only decodes the
 * same events, and against job queues that are given the same events, decoded. Judged by the CPU of this process, from connecting to the
 * group until it has left it; against the queues, which leave their work to PostgreSQL, with the CPU of PostgreSQL.
 */
const events: Record<Size, number> = { full: 1_000_000, small: 20_000 };
const queuedEvents: Record<Size, number> = { full: 100_000, small: 5_000 };
const profiles: Record<Size, number> = { full: 10_000, small: 5_000 };
const manyProfiles: Record<Size, number> = { full: 400_000, small: 10_000 };
const perCall = 5_000;

const common: Omit<TrialPlan, 'goals' | 'open'> = { runs: 5, warmUps: 1, deadlineMs: 240_000 };

export const intakeBench: Bench = {
  name: 'intake',
  trials: [
    {
      ...common,
      goals: ['P1', 'P1-queues'],
      open: (size) => openTrial(size, { goal: 'P1', profiles: profiles[size], mix: restless, queues: true }),
    },
    {
      ...common,
      goals: ['P1-shift'],
      open: (size) => openTrial(size, { goal: 'P1-shift', profiles: profiles[size], mix: shift }),
    },
    {
      ...common,
      goals: ['P1-many'],
      open: (size) => openTrial(size, { goal: 'P1-many', profiles: manyProfiles[size], mix: shift }),
    },
  ],
};

type Load = { goal: GoalId; profiles: number; mix: Mix; queues?: boolean };

async function openTrial(size: Size, load: Load): Promise<Trial> {
  const { goal, queues = false } = load;
  const config = readShippedConfig();
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(await startBroker());
  const server = stack.use(await openBenchServer());
  const count = events[size];
  const place = { brokers: broker.brokers, topic: config.limits.intake.topic, partitions: 8 };
  const topic: Topic = { ...place, ...load, events: count };
  await produceEvents(topic);
  await server.prepare(async (db) => {
    await inTransaction(db, (tx) => fillPeople(tx, topic.profiles));
    await sql`vacuum analyze`.execute(db);
  });
  let turn = 0;
  const owned = stack.move();
  return {
    async subject(signal) {
      turn += 1;
      const groupId = `service-${turn}`;
      await using database = await server.copy();
      const before = await server.cpuMs();
      const cost = await costOf(() => takeTopic(database, topic, { config, groupId, signal }));
      const databaseMs = (await server.cpuMs()) - before;
      await assertTaken(database, count);
      return both(goal, queues, readingOf(count, cost, databaseMs));
    },
    async baseline(signal) {
      const groupId = `bare-${turn}`;
      const { maxWaitMs } = config.limits.intake;
      const cost = await costOf(() => consumeBarely(topic, { groupId, maxWaitMs, signal }));
      const { perSecondOfCpu, ...beside } = ratesOf(count, cost);
      const bare = { [goal]: { value: perSecondOfCpu, beside } };
      return queues ? { ...bare, 'P1-queues': await fasterQueue(server, topic, queuedEvents[size], signal) } : bare;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

type Costs = ReturnType<typeof readingOf>;

/** The same work as rates by our own CPU and by ours and PostgreSQL's together. */
function readingOf(count: number, cost: { cpuMs: number; wallMs: number }, databaseMs: number) {
  const { perSecondOfCpu, ...beside } = ratesOf(count, cost);
  const databaseCpuUsEach = (databaseMs / count) * 1000;
  return {
    ...beside,
    perSecondOfCpu,
    databaseCpuUsEach,
    perSecondOfAllCpu: (count / (cost.cpuMs + databaseMs)) * 1000,
  };
}

function both(goal: GoalId, queues: boolean, costs: Costs) {
  const { perSecondOfCpu, perSecondOfAllCpu, ...beside } = costs;
  const own = { [goal]: { value: perSecondOfCpu, beside } };
  return queues ? { ...own, 'P1-queues': { value: perSecondOfAllCpu, beside: { ...beside, perSecondOfCpu } } } : own;
}

/** The first events of the topic into either queue; the reading of the faster one, with the figures of both beside it. */
async function fasterQueue(server: BenchServer, topic: Topic, count: number, signal: AbortSignal): Promise<Reading> {
  const messageOf = openMessages(topic);
  const beginMs = Date.now() - 3_600_000;
  const given = Array.from({ length: count }, (_, i) => {
    const event = decodeMessage(messageOf(i, beginMs + i).value);
    if (typeof event === 'string') throw new Error(`An event that cannot be read: ${event}`);
    return event;
  });
  const readings: Costs[] = [];
  for (const open of [openPgBoss, openGraphileWorker]) {
    await using database = await server.copy();
    await using queue = await open(database.url);
    const before = await server.cpuMs();
    const cost = await costOf(async () => {
      for (let i = 0; i < count; i += perCall) {
        signal.throwIfAborted();
        await queue.add(given.slice(i, i + perCall));
      }
    });
    readings.push(readingOf(count, cost, (await server.cpuMs()) - before));
  }
  const [boss, worker] = readings as [Costs, Costs];
  return {
    value: Math.max(boss.perSecondOfAllCpu, worker.perSecondOfAllCpu),
    beside: { ...named('pgBoss', boss), ...named('graphileWorker', worker) },
  };
}

function named(queue: string, costs: Costs): Record<string, number> {
  return Object.fromEntries(Object.entries(costs).map(([name, n]) => [`${queue}.${name}`, n]));
}
