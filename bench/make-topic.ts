import { Kafka, logLevel } from 'kafkajs';
import { makeTopic } from '../simulator/broker/topic.ts';

const partitions = 8;

/** Makes a topic at a broker. Returns when its leaders answer. */
export async function makeTopicAt({ brokers, topic }: { brokers: string; topic: string }): Promise<void> {
  const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await makeTopic(admin, topic, partitions);
  } finally {
    await admin.disconnect();
  }
}
