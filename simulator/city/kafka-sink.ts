import { toBinary } from '@bufbuild/protobuf';
import { Kafka, type Message as KafkaMessage, logLevel } from 'kafkajs';
import { ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { makeTopic } from '../broker/topic.ts';
import { profileKey } from '../neighbours/neighbour-data.ts';
import { toContractorEvent } from './contractor-event.ts';
import type { EventMessage, Message, Sink } from './outbox.ts';
import { unreadableValue } from './unreadable.ts';

export const statusTopic = 'contractor-statuses-events';
const partitions = 8;

/** The topic, made if it is not there. Events of even milliseconds go as JSON, the others as protobuf. */
export async function openKafkaSink(brokers: string, topic = statusTopic): Promise<Sink> {
  const kafka = new Kafka({
    clientId: 'city',
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
    retry: { retries: 8, initialRetryTime: 100, maxRetryTime: 2_000 },
  });
  const admin = kafka.admin();
  await admin.connect().catch((cause: unknown) => {
    throw new Error(`The broker at ${brokers} does not answer.`, { cause });
  });
  try {
    await makeTopic(admin, topic, partitions);
  } finally {
    await admin.disconnect();
  }
  const producer = kafka.producer({ maxInFlightRequests: 1, allowAutoTopicCreation: false });
  await producer.connect();
  return {
    async send(messages) {
      await producer.send({ topic, acks: -1, messages: messages.map(encode) });
    },
    [Symbol.asyncDispose]: () => producer.disconnect(),
  };
}

function encode(message: Message): KafkaMessage {
  if (message.kind === 'unreadable')
    return { key: `broken/${message.no}`, value: unreadableValue(message.no, Date.now()) };
  return {
    key: profileKey(message.profile),
    value: message.atMs % 2 === 0 ? encodeJson(message) : encodeBinary(message),
  };
}

function encodeJson({ profile, status, atMs }: EventMessage): Buffer {
  return Buffer.from(
    JSON.stringify({
      park_id: profile.parkId,
      driver_id: profile.driverId,
      status,
      event_at: new Date(atMs).toISOString(),
    }),
  );
}

function encodeBinary(event: EventMessage): Buffer {
  return Buffer.from(toBinary(ContractorStatusEventSchema, toContractorEvent(event)));
}
