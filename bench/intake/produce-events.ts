import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Kafka, logLevel } from 'kafkajs';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { driverKey, parkKey } from '../database/keys.ts';

export type Topic = { brokers: string; topic: string; partitions: number; events: number; profiles: number };

/** What a driver's app goes through, again and again: every second event is a change of connected. */
const cycle = ['online', 'busy', 'online', 'offline'] as const;
const codes = { online: ContractorStatus.ONLINE, busy: ContractorStatus.BUSY, offline: ContractorStatus.OFFLINE };
const batchSize = 5_000;

/**
 * Makes the topic and fills it: events of all profiles in turn, a millisecond apart, beginning an hour ago, half of them JSON and half binary,
 * by the key park/driver.
 */
export async function produceEvents(topic: Topic): Promise<void> {
  const kafka = new Kafka({ brokers: [topic.brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const producer = kafka.producer();
  await Promise.all([admin.connect(), producer.connect()]);
  try {
    await admin.createTopics({
      topics: [{ topic: topic.topic, numPartitions: topic.partitions }],
      waitForLeaders: true,
    });
    const beginMs = Date.now() - 3_600_000;
    for (let i = 0; i < topic.events; i += batchSize) {
      const length = Math.min(batchSize, topic.events - i);
      const messages = Array.from({ length }, (_, j) => message(i + j, topic.profiles, beginMs + i + j));
      await producer.send({ topic: topic.topic, acks: -1, messages });
    }
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  }
}

function message(i: number, profiles: number, atMs: number): { key: string; value: Buffer } {
  const profile = i % profiles;
  const round = Math.floor(i / profiles);
  const [parkId, driverId, status] = [parkKey(profile), driverKey(profile), cycle[round % cycle.length]!];
  const json = (profile + round) % 2 === 0;
  const value = json
    ? Buffer.from(
        JSON.stringify({ park_id: parkId, driver_id: driverId, status, event_at: new Date(atMs).toISOString() }),
      )
    : toBinary(
        ContractorStatusEventSchema,
        create(ContractorStatusEventSchema, {
          parkId,
          driverId,
          status: codes[status],
          eventAt: timestampFromMs(atMs),
        }),
      );
  return { key: `${parkId}/${driverId}`, value: Buffer.from(value) };
}
