import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { expect, test, vi } from 'vitest';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { inTransaction } from '../../src/store/database.ts';
import { patience, useKafka } from './kafka-support.ts';
import { at } from './support.ts';

vi.setConfig({ testTimeout: 600_000 });
const kafka = useKafka();
const { open, close, produce, produceMany, createTopic, deleteTopic, tables, untilReady, untilTaken, drivers } = kafka;

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
  await untilReady(intake);
  const { states, quarantine, offsets } = await tables();
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
    const [group] = await kafka.admin.fetchOffsets({ groupId: `group-${kafka.topic}`, topics: [kafka.topic] });
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
  open({ groupId: `other-${kafka.topic}` });
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
  await inTransaction(kafka.db, async (tx) => {
    await sql`update deptrans.topic_offsets set next_offset = 5, taken = 5 where partition = 0`.execute(tx);
    for (const table of ['driver_states', 'status_queue', 'journal']) {
      const lost = ['d20', 'd24', 'd28', 'd32', 'd36'];
      await sql`delete from deptrans.${sql.raw(table)} where driver_id = any(${lost})`.execute(tx);
    }
  });
  if (more > 0) await produce(['p/more online 1'], 0);
  await untilTaken(40 + more);
  expect(await drivers()).toBe(40 + more);
});

test('a zombie of another group reads the same, and each message still counts once', async () => {
  open();
  open({ groupId: `zombie-${kafka.topic}` });
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
  await untilReady(first, second);
  await more();
  await close(first);
  await more();
  const third = open();
  await more();
  await close(second);
  await more();
  await untilTaken(sent);
  await untilReady(third);
  expect(await drivers()).toBe(sent);
});

test('a topic deleted and made again is read from its beginning, as another generation', async () => {
  const intake = open();
  await produce(['p/a online 1', 'p/b online 2', 'p/c online 3']);
  await untilTaken(3);
  await deleteTopic();
  await vi.waitFor(createTopic, patience);
  await vi.waitFor(() => produce(['p/a offline 4', 'p/d online 5', 'p/e online 6', 'p/f online 7']), patience);
  await untilTaken(7);
  const { offsets, states } = await tables();
  expect(offsets[0]).toMatchObject({ gen: 2, next: 4 });
  expect(states.map((row) => [row['profile'], row['status'], row['gen']])).toContainEqual(['p/a', 'offline', 2]);
  await untilReady(intake);
});

test('messages that the broker dropped before we read them are passed over and counted', async () => {
  const first = open();
  await produce(['p/a online 1', 'p/b online 2']);
  await untilTaken(2);
  await close(first);
  await produce(['p/c online 3', 'p/d online 4']);
  await kafka.admin.fetchTopicOffsets(kafka.topic); // the admin client must have heard of the topic
  await kafka.admin.deleteTopicRecords({ topic: kafka.topic, partitions: [{ partition: 0, offset: '3' }] });
  const metrics = openMetrics(systemClock);
  open({ metrics });
  await untilTaken(3);
  const lost = await metrics.registry.getSingleMetricAsString('deptrans_intake_lost_messages_total');
  expect(Number(lost.split(' ').at(-1))).toBeGreaterThanOrEqual(1); // once more if the group is shared out anew meanwhile
  expect((await tables()).states.map((row) => row['profile'])).toEqual(['p/a', 'p/b', 'p/d']);
});

test('a broker that is away at the start, or has no such topic, is waited for', async () => {
  const metrics = openMetrics(systemClock);
  const away = open({ brokers: '127.0.0.1:1', groupId: 'away', metrics });
  expect(await metrics.registry.metrics()).toMatch(/^deptrans_intake_flowing 0$/m);
  await close(away);
  await deleteTopic();
  const before = openMetrics(systemClock);
  const early = open({ metrics: before });
  const failed = /^deptrans_intake_seconds_count\{call="membership",code="(?!ok)/m;
  await vi.waitFor(async () => expect(await before.registry.metrics()).toMatch(failed), patience);
  expect(await before.registry.metrics()).toMatch(/^deptrans_intake_flowing 0$/m);
  await vi.waitFor(createTopic, patience);
  await vi.waitFor(() => produce(['p/a online 1']), patience);
  await untilTaken(1);
  await untilReady(early);
});

test('how far behind it is is told only while the broker is heard', async () => {
  let isSilent = false;
  let aheadMs = 0;
  /** While the broker is silent, an hour passes whenever somebody looks. */
  const monotonic = () => {
    if (isSilent) aheadMs += 3_600_000;
    return systemClock.monotonic() + aheadMs;
  };
  const metrics = openMetrics(systemClock);
  open({ metrics, clock: { ...systemClock, monotonic } });
  await produce(['p/a online 1']);
  const said = async () => {
    const found = (await metrics.registry.metrics()).matchAll(/^deptrans_intake_((?:lag|age|flowing).*) (\S+)$/gm);
    return Object.fromEntries([...found].map(([, name, value]) => [name, Number(value)]));
  };
  const lag = 'lag_messages{partition="0"}';
  await vi.waitFor(async () => expect(await said()).toMatchObject({ [lag]: 0, flowing: 1 }), patience);
  isSilent = true;
  expect(await said()).toEqual({ flowing: 0 });
  isSilent = false;
  await vi.waitFor(async () => expect(await said()).toMatchObject({ flowing: 1 }), patience);
  await produce(['p/a offline 2']);
  const all = { [lag]: 0, flowing: 1, age_seconds: expect.any(Number) };
  await vi.waitFor(async () => expect(await said()).toEqual(all), patience);
});

test('a database that fails holds the position; nothing is lost when it is back', async () => {
  const metrics = openMetrics(systemClock);
  open({ metrics });
  await produceMany(40);
  await untilTaken(40);
  await sql`alter table deptrans.driver_states rename to hidden`.execute(kafka.db);
  await produceMany(40, 40);
  const failed = async () => expect(await metrics.registry.metrics()).toMatch(/call="batch",code="42P01"/);
  await vi.waitFor(failed, patience);
  await sql`alter table deptrans.hidden rename to driver_states`.execute(kafka.db);
  await untilTaken(80);
  expect(await drivers()).toBe(80);
});

test('connections to the database cut again and again: each message still counts once', async () => {
  open({ maxBatch: 20 });
  for (let round = 0; round < 10; round++) {
    await produceMany(200, round * 200);
    await kafka.cutDatabase();
  }
  await untilTaken(2_000);
  // A connection that was cut last may not have been missed yet.
  await vi.waitFor(async () => expect(await drivers()).toBe(2_000), patience);
});
