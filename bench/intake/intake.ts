import { sql } from 'kysely';
import { startBroker } from '../../simulator/broker/kafka.ts';
import { inTransaction } from '../../src/store/database.ts';
import { costOf, ratesOf } from '../cost.ts';
import { openBenchServer } from '../database/bench-server.ts';
import { fillPeople } from '../database/fill-people.ts';
import type { Bench, Size, Trial } from '../frame.ts';
import { readShippedConfig } from '../service-config.ts';
import { consumeBarely } from './bare-consumer.ts';
import { produceEvents } from './produce-events.ts';
import { assertTaken, takeTopic } from './take-topic.ts';

/**
 * P1: a filled topic of a real broker into a real, durable PostgreSQL by the service's intake, against a kafkajs consumer that only decodes the
 * same events. Judged by the CPU of this process, from connecting to the group until it has left it; broker and database are processes of
 * their own.
 */
const events: Record<Size, number> = { full: 200_000, small: 20_000 };
const profiles: Record<Size, number> = { full: 10_000, small: 1_000 };

export const intakeBench: Bench = {
  name: 'intake',
  trials: [{ goals: ['P1'], runs: 5, warmUps: 1, deadlineMs: 120_000, open: openTrial }],
};

async function openTrial(size: Size): Promise<Trial> {
  const config = readShippedConfig();
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(await startBroker());
  const server = stack.use(await openBenchServer());
  const count = events[size];
  const place = { brokers: broker.brokers, topic: config.limits.intake.topic, partitions: 8 };
  const topic = { ...place, events: count, profiles: profiles[size] };
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
      const databaseCpuUsEach = (((await server.cpuMs()) - before) / count) * 1000;
      await assertTaken(database, count);
      const { perSecondOfCpu, ...beside } = ratesOf(count, cost);
      return { P1: { value: perSecondOfCpu, beside: { ...beside, databaseCpuUsEach } } };
    },
    async baseline(signal) {
      const groupId = `bare-${turn}`;
      const { maxWaitMs } = config.limits.intake;
      const cost = await costOf(() => consumeBarely(topic, { groupId, maxWaitMs, signal }));
      const { perSecondOfCpu, ...beside } = ratesOf(count, cost);
      return { P1: { value: perSecondOfCpu, beside } };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
