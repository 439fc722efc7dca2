import { type Admin, Kafka, logLevel, type Producer } from 'kafkajs';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, vi } from 'vitest';
import { makeTopic } from '../../simulator/broker/topic.ts';
import { type Intake, openIntake } from '../../src/intake/intake.ts';
import { kafkaSource } from '../../src/intake/kafka.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { type Metrics, openMetrics } from '../../src/runtime/metrics.ts';
import { readBalance } from '../../src/store/balance.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { readTables, type Written, written } from './support.ts';

export const patience = { timeout: 200_000, interval: 50 };
const partitions = 4;

/** For each test a database, a topic of four partitions and intakes that read it. */
export function useKafka() {
  const broker = inject('kafkaBrokers');
  let admin: Admin;
  let producer: Producer;
  let database: TestDatabase;
  let topic: string;
  let topics = 0;
  const intakes = new Map<Intake, Metrics>();

  beforeAll(async () => {
    const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
    admin = kafka.admin();
    // What is sent again comes once: the tests count messages.
    producer = kafka.producer({ allowAutoTopicCreation: false, idempotent: true, maxInFlightRequests: 1 });
    await admin.connect();
    await producer.connect();
  });
  afterAll(async () => {
    await producer.disconnect();
    await admin.disconnect();
  });
  beforeEach(async () => {
    database = await openTestDatabase();
    topics += 1;
    topic = `statuses-${process.pid}-${topics}`;
    await createTopic();
  });
  afterEach(async () => {
    await Promise.all([...intakes.keys()].map(close));
    expect((await readBalance(database.db)).difference).toBe(0);
    await database[Symbol.asyncDispose]();
  });

  const createTopic = () => makeTopic(admin, topic, partitions);
  const deleteTopic = async () => {
    await admin.deleteTopics({ topics: [topic] });
    await vi.waitFor(async () => expect(await admin.listTopics()).not.toContain(topic), patience);
  };

  const open = ({
    groupId = `group-${topic}`,
    brokers = broker,
    maxBatch = 100,
    verifyMs = 60_000,
    metrics = openMetrics(systemClock),
    clock = systemClock,
  } = {}): Intake => {
    const shared = { clock, log: openLog('silent'), metrics };
    const source = kafkaSource({
      ...shared,
      brokers: [brokers],
      topic,
      groupId,
      clientId: 'test',
      partitionsAtOnce: 2,
      maxBatch,
      fetchBytes: 8 * 1024 * 1024,
      partitionFetchBytes: 4 * 1024 * 1024,
      maxWaitMs: 50,
      sessionTimeoutMs: 10_000,
      verifyMs,
      lifetime: openLifetime(),
    });
    const intake = openIntake({ ...shared, db: database.db, source, pushSlot: 0, maxSilenceMs: 86_400_000 });
    intakes.set(intake, metrics);
    return intake;
  };
  const close = async (intake: Intake) => {
    intakes.delete(intake);
    await intake[Symbol.asyncDispose]();
  };

  const produce = (texts: Written[], partition = 0) =>
    producer.send({
      topic,
      messages: texts.map((text) => {
        const value = written(text);
        return { value: value && Buffer.from(value), partition };
      }),
    });
  /** `n` events of as many drivers, all partitions in turn. */
  const produceMany = async (n: number, first = 0) => {
    const events = Array.from({ length: n }, (_, i) => `p/d${first + i} online ${i % 1000}`);
    for (let partition = 0; partition < partitions; partition++) {
      await produce(
        events.filter((_, i) => i % partitions === partition),
        partition,
      );
    }
  };

  const tables = () => readTables(database.db);
  const taken = async () => (await tables()).offsets.reduce((sum, row) => sum + Number(row['taken']), 0);
  return {
    open,
    close,
    produce,
    produceMany,
    createTopic,
    deleteTopic,
    tables,
    /** Ends all connections to the database, from beside it, and returns when the server has. */
    async cutDatabase() {
      const beside = new pg.Client(inject('postgresUrl'));
      await beside.connect();
      const name = new URL(database.url).pathname.slice(1);
      await beside.query('select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = $1', [name]);
      await beside.end();
    },
    untilReady: (...them: Intake[]) =>
      vi.waitFor(async () => {
        for (const intake of them)
          expect(await intakes.get(intake)!.registry.metrics()).toMatch(/^deptrans_intake_flowing 1$/m);
      }, patience),
    untilTaken: (n: number) => vi.waitFor(async () => expect(await taken()).toBe(n), patience),
    drivers: async () => (await tables()).states.length,
    get admin() {
      return admin;
    },
    get db() {
      return database.db;
    },
    get topic() {
      return topic;
    },
  };
}
