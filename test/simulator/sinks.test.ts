import { createServer } from 'node:http';
import { fromBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { Kafka, logLevel } from 'kafkajs';
import { expect, inject, test } from 'vitest';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import {
  type ContractorStatusEvent,
  ContractorStatusEventSchema,
  StatusIngestService,
} from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { openKafkaSink } from '../../simulator/city/kafka-sink.ts';
import type { Message } from '../../simulator/city/outbox.ts';
import { openPushSink } from '../../simulator/city/push-sink.ts';
import { unreadableValue } from '../../simulator/city/unreadable.ts';

const { signal } = new AbortController();
const beganMs = Date.UTC(2026, 0, 5, 12);
const messages: Message[] = Array.from({ length: 40 }, (_, no) => ({
  kind: 'event',
  profile: { parkId: `park-${no % 3}`, driverId: `d${no % 5}` },
  status: (['offline', 'online', 'busy'] as const)[no % 3]!,
  atMs: beganMs + no,
}));

test('the topic gets half JSON, half protobuf, keyed by profile, on 8 partitions', async () => {
  const brokers = inject('kafkaBrokers');
  const topic = `sink-${process.pid}`;
  await using sink = await openKafkaSink(brokers, topic);
  await sink.send([...messages, { kind: 'unreadable', no: 3 }], signal);
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const byText = new Map<string, { key: string; value: Buffer | null }>(); // a message may come twice
  const partitions = new Set<number>();
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: ({ message, partition }) => {
          const key = String(message.key);
          byText.set(`${key} ${message.value?.toString('hex')}`, { key, value: message.value });
          partitions.add(partition);
          if (byText.size === messages.length + 1) resolve();
          return Promise.resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  const got = [...byText.values()];
  const read = got.filter(({ key }) => !key.startsWith('broken'));
  expect(read).toHaveLength(40);
  expect(got.find(({ key }) => key.startsWith('broken'))?.value).toBeNull();
  expect(partitions.size).toBeGreaterThan(2);
  const json = read.filter(({ value }) => value?.[0] === 0x7b).map(({ value }) => JSON.parse(String(value)));
  expect(json).toHaveLength(20);
  expect(json).toContainEqual({
    park_id: 'park-0',
    driver_id: 'd0',
    status: 'offline',
    event_at: '2026-01-05T12:00:00.000Z',
  });
  const binary = read
    .filter(({ value }) => value?.[0] !== 0x7b)
    .map(({ key, value }) => ({ key, event: fromBinary(ContractorStatusEventSchema, value!) }));
  const second = binary.find(({ event }) => timestampMs(event.eventAt!) === beganMs + 1);
  expect(second).toMatchObject({ key: 'park-1/d1', event: { status: ContractorStatus.ONLINE, driverId: 'd1' } });
});

test('without a broker the same goes by push', async () => {
  const taken: ContractorStatusEvent[] = [];
  const handler = connectNodeAdapter({
    routes: (router) =>
      router.service(StatusIngestService, {
        reportStatuses({ events }) {
          taken.push(...events);
          return Promise.resolve({ accepted: events.length });
        },
      }),
  });
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await using sink = openPushSink(
    `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    null,
  );
  await sink.send([...messages, { kind: 'unreadable', no: 0 }], signal);
  expect(taken).toHaveLength(41);
  expect(taken[1]).toMatchObject({ parkId: 'park-1', driverId: 'd1', status: ContractorStatus.ONLINE });
  expect(taken.at(-1)).toMatchObject({ parkId: '', driverId: '' });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await expect(sink.send(messages, signal)).rejects.toThrow();
});

test('what is unreadable is broken in many ways', () => {
  const values = Array.from({ length: 24 }, (_, no) => unreadableValue(no, beganMs));
  expect(values.filter((value) => value === null)).toHaveLength(2);
  expect(new Set(values.map((value) => String(value))).size).toBe(12);
});
