import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Kafka, logLevel } from 'kafkajs';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { makeTopic } from '../../simulator/broker/topic.ts';
import { driverKey, parkKey } from '../database/keys.ts';
import type { Mix } from './mixes.ts';

export type Topic = { brokers: string; topic: string; partitions: number; events: number; profiles: number; mix: Mix };

const codes = { online: ContractorStatus.ONLINE, busy: ContractorStatus.BUSY, offline: ContractorStatus.OFFLINE };
const batchSize = 5_000;

/** The size of every event: a producer writes more than the four fields that we read. */
export const eventBytes = 200;

/**
 * Makes the topic and fills it: events of all profiles in turn, a millisecond apart, beginning an hour ago, half of them JSON and half binary,
 * by the key park/driver. Profiles go through the mix each from another place of it.
 */
export async function produceEvents(topic: Topic): Promise<void> {
  const kafka = new Kafka({ brokers: [topic.brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const producer = kafka.producer();
  await Promise.all([admin.connect(), producer.connect()]);
  try {
    await makeTopic(admin, topic.topic, topic.partitions);
    const messageOf = openMessages(topic);
    const beginMs = Date.now() - 3_600_000;
    for (let i = 0; i < topic.events; i += batchSize) {
      const length = Math.min(batchSize, topic.events - i);
      const messages = Array.from({ length }, (_, j) => messageOf(i + j, beginMs + i + j));
      await producer.send({ topic: topic.topic, acks: -1, messages });
    }
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  }
}

/** Makes the i-th event, which happened at `atMs`. */
export function openMessages({ profiles, mix }: { profiles: number; mix: Mix }) {
  const keys = Array.from({ length: profiles }, (_, i) => ({ parkId: parkKey(i), driverId: driverKey(i) }));
  return (i: number, atMs: number): { key: string; value: Buffer } => {
    const profile = i % profiles;
    const round = Math.floor(i / profiles);
    const { parkId, driverId } = keys[profile]!;
    const status = mix[(round + profile) % mix.length]!;
    const isJson = (profile + round) % 2 === 0;
    const value = isJson
      ? jsonEvent({ park_id: parkId, driver_id: driverId, status, event_at: new Date(atMs).toISOString() })
      : binaryEvent({ parkId, driverId, status: codes[status], eventAt: timestampFromMs(atMs) });
    return { key: `${parkId}/${driverId}`, value };
  };
}

function jsonEvent(fields: object): Buffer {
  const bare = JSON.stringify({ ...fields, trace: '' });
  return Buffer.from(JSON.stringify({ ...fields, trace: 'x'.repeat(eventBytes - bare.length) }));
}

function binaryEvent(fields: Parameters<typeof create<typeof ContractorStatusEventSchema>>[1]): Buffer {
  const bytes = toBinary(ContractorStatusEventSchema, create(ContractorStatusEventSchema, fields));
  const rest = eventBytes - bytes.length - 2;
  // Field 15, a text.
  return Buffer.concat([bytes, Buffer.from([0x7a, rest]), Buffer.alloc(rest, 'x')]);
}
