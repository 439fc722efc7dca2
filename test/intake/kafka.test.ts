import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Admin, Kafka, logLevel, type Producer } from 'kafkajs';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { type Broker, startBroker } from '../../simulator/broker/kafka.ts';
import { type Intake, openIntake } from '../../src/intake/intake.ts';
import { kafkaSource } from '../../src/intake/kafka.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { readBalance } from '../../src/store/balance.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { at, readTables, written } from './support.ts';

const partitions = 4;
const patience = { timeout: 20_000, interval: 50 };
let broker: Broker;
let admin: Admin;
let producer: Producer;
let database: TestDatabase;
let topic: string;
let topics = 0;
const intakes = new Set<Intake>();

beforeAll(async () => {
  broker = await startBroker();
  const kafka = new Kafka({ brokers: [broker.brokers], logLevel: logLevel.NOTHING });
  admin = kafka.admin();
  producer = kafka.producer({ allowAutoTopicCreation: false });
  await admin.connect();
  await producer.connect();
});
afterAll(async () => {
  await producer.disconnect();
  await admin.disconnect();
  await broker.stop();
});
beforeEach(async () => {
  database = await openTestDatabase();
  topics += 1;
  topic = `statuses-${topics}`;
  await createTopic();
});
afterEach(async () => {
  await Promise.all([...intakes].map(close));
  expect((await readBalance(database.db)).difference).toBe(0);
  await database[Symbol.asyncDispose]();
});

const createTopic = () => admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions }] });

function open({
  groupId = `group-${topic}`,
  brokers = broker.brokers,
  maxBatch = 100,
  verifyMs = 60_000,
  metrics = openMetrics(systemClock),
} = {}): Intake {
  const shared = { clock: systemClock, log: openLog('silent'), metrics };
  const source = kafkaSource({
    ...shared,
    brokers: [brokers],
    topic,
    groupId,
    clientId: 'test',
    partitionsAtOnce: 2,
    maxBatch,
    maxWaitMs: 50,
    sessionTimeoutMs: 10_000,
    verifyMs,
    lifetime: openLifetime(),
  });
  const intake = openIntake({ ...shared, db: database.db, source, pushSlot: 0, maxSilenceMs: 86_400_000 });
  intakes.add(intake);
  return intake;
}

async function close(intake: Intake): Promise<void> {
  intakes.delete(intake);
  await intake[Symbol.asyncDispose]();
}

const produce = (texts: (string | Uint8Array | null)[], partition = 0) =>
  producer.send({
    topic,
    messages: texts.map((text) => {
      const value = written(text);
      return { value: value && Buffer.from(value), partition };
    }),
  });

/** `n` events of as many drivers, all partitions in turn. */
async function produceMany(n: number, first = 0): Promise<void> {
  const events = Array.from({ length: n }, (_, i) => `p/d${first + i} online ${i % 1000}`);
  for (let partition = 0; partition < partitions; partition++) {
    await produce(
      events.filter((_, i) => i % partitions === partition),
      partition,
    );
  }
}

const taken = async () => (await readTables(database.db)).offsets.reduce((sum, row) => sum + Number(row['taken']), 0);
const untilTaken = (n: number) => vi.waitFor(async () => expect(await taken()).toBe(n), patience);
const drivers = async () => (await readTables(database.db)).states.length;

test('JSON, binary and poison of all partitions; the broker hears the offset too', async () => {
  const intake = open();
  const binary = toBinary(
    ContractorStatusEventSchema,
    create(ContractorStatusEventSchema, {
      parkId: 'p',
      driverId: 'b',
      status: ContractorStatus.BUSY,
      eventAt: timestampFromMs(at(2).getTime()),
    }),
  );
  await produce(['p/a online 1', Buffer.from('{"park_id":'), 'p/a offline 3'], 0);
  await produce([binary, null], 3);
  await untilTaken(5);
  expect(intake.ready()).toBeNull();
  const { states, quarantine, offsets } = await readTables(database.db);
  expect(states.map((row) => [row['profile'], row['status'], row['offset']])).toEqual([
    ['p/a', 'offline', 2],
    ['p/b', 'busy', 0],
  ]);
  expect(quarantine.map((row) => [row['partition'], row['offset'], row['reason']]).sort()).toEqual([
    [0, 1, 'UNREADABLE'],
    [3, 1, 'UNREADABLE'],
  ]);
  expect(offsets.map((row) => [row['partition'], row['gen'], row['next']])).toEqual([
    [0, 1, 3],
    [3, 1, 2],
  ]);
  expect(offsets[0]!['id']).toMatch(/^[0-9a-f]{32}$/);
  await vi.waitFor(async () => {
    const [group] = await admin.fetchOffsets({ groupId: `group-${topic}`, topics: [topic] });
    const committed = group!.partitions.filter(({ offset }) => Number(offset) > 0);
    expect(committed.map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, '3'],
      [3, '2'],
    ]);
  }, patience);
});

test('reading goes on where the database says, whatever the broker thinks', async () => {
  const first = open();
  await produceMany(400);
  await untilTaken(400);
  await close(first);
  await produceMany(100, 400);
  open({ groupId: `other-${topic}` });
  await untilTaken(500);
  expect(await drivers()).toBe(500);
});

test.each([
  ['at the next message', 60_000, 1],
  ['soon, if none comes', 100, 0],
])('a database that went back is read up to again, %s', async (_, verifyMs, more) => {
  open({ verifyMs });
  await produceMany(40);
  await untilTaken(40);
  // What a crash of PostgreSQL may take back: the end of the asynchronous commits, state and position together.
  await sql`update deptrans.topic_offsets set next_offset = 5, taken = 5 where partition = 0`.execute(database.db);
  for (const table of ['driver_states', 'status_queue', 'journal']) {
    const lost = ['d20', 'd24', 'd28', 'd32', 'd36'];
    await sql`delete from deptrans.${sql.raw(table)} where driver_id = any(${lost})`.execute(database.db);
  }
  if (more > 0) await produce(['p/more online 1'], 0);
  await untilTaken(40 + more);
  expect(await drivers()).toBe(40 + more);
});

test('a zombie of another group reads the same, and each message still counts once', async () => {
  open();
  open({ groupId: `zombie-${topic}` });
  for (let round = 0; round < 5; round++) await produceMany(200, round * 200);
  await untilTaken(1_000);
  expect(await drivers()).toBe(1_000);
});

test('members come and go while events flow: each message counts once', async () => {
  const first = open({ maxBatch: 7 });
  let sent = 0;
  const more = async () => {
    await produceMany(200, sent);
    sent += 200;
  };
  await more();
  const second = open({ maxBatch: 7 });
  await more();
  await vi.waitFor(() => expect([first.ready(), second.ready()]).toEqual([null, null]), patience);
  await more();
  await close(first);
  await more();
  const third = open();
  await more();
  await close(second);
  await more();
  await untilTaken(sent);
  expect(third.ready()).toBeNull();
  expect(await drivers()).toBe(sent);
});

test('a topic deleted and made again is read from its beginning, as another generation', async () => {
  const intake = open();
  await produce(['p/a online 1', 'p/b online 2', 'p/c online 3']);
  await untilTaken(3);
  await admin.deleteTopics({ topics: [topic] });
  await vi.waitFor(async () => expect(await admin.listTopics()).not.toContain(topic), patience);
  await vi.waitFor(createTopic, patience);
  await vi.waitFor(() => produce(['p/a offline 4', 'p/d online 5', 'p/e online 6', 'p/f online 7']), patience);
  await untilTaken(7);
  const { offsets, states } = await readTables(database.db);
  expect(offsets[0]).toMatchObject({ gen: 2, next: 4 });
  expect(states.map((row) => [row['profile'], row['status'], row['gen']])).toContainEqual(['p/a', 'offline', 2]);
  expect(intake.ready()).toBeNull();
});

test('messages that the broker dropped before we read them are passed over', async () => {
  const first = open();
  await produce(['p/a online 1', 'p/b online 2']);
  await untilTaken(2);
  await close(first);
  await produce(['p/c online 3', 'p/d online 4']);
  await admin.fetchTopicOffsets(topic); // the admin client must have heard of the topic
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '3' }] });
  open();
  await untilTaken(3);
  expect((await readTables(database.db)).states.map((row) => row['profile'])).toEqual(['p/a', 'p/b', 'p/d']);
});

test('a broker that is away at the start, or has no such topic, is waited for', async () => {
  const away = open({ brokers: '127.0.0.1:1', groupId: 'away' });
  expect(away.ready()).toMatch(/broker/);
  await close(away);
  await admin.deleteTopics({ topics: [topic] });
  await vi.waitFor(async () => expect(await admin.listTopics()).not.toContain(topic), patience);
  const early = open();
  await vi.waitFor(() => expect(early.ready()).toMatch(/no such topic/), patience);
  await vi.waitFor(createTopic, patience);
  await vi.waitFor(() => produce(['p/a online 1']), patience);
  await untilTaken(1);
  expect(early.ready()).toBeNull();
});

test('a database that fails holds the position; nothing is lost when it is back', async () => {
  const metrics = openMetrics(systemClock);
  open({ metrics });
  await produceMany(40);
  await untilTaken(40);
  await sql`alter table deptrans.driver_states rename to hidden`.execute(database.db);
  await produceMany(40, 40);
  const failed = async () => expect(await metrics.registry.metrics()).toMatch(/call="batch",code="42P01"/);
  await vi.waitFor(failed, patience);
  await sql`alter table deptrans.hidden rename to driver_states`.execute(database.db);
  await untilTaken(80);
  expect(await drivers()).toBe(80);
});
