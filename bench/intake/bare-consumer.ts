import { fromBinary } from '@bufbuild/protobuf';
import { type EachBatchPayload, Kafka, logLevel } from 'kafkajs';
import { ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import type { Topic } from './produce-events.ts';

/** Reads the whole topic with kafkajs, decodes each event and does nothing with it. `maxWaitMs`: how long the broker holds an empty fetch. */
export async function consumeBarely(
  { brokers, topic, events }: Topic,
  { groupId, maxWaitMs, signal }: { groupId: string; maxWaitMs: number; signal: AbortSignal },
): Promise<void> {
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: maxWaitMs });
  const done = Promise.withResolvers<void>();
  const stop = () => done.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  consumer.on('consumer.crash', ({ payload }) => done.reject(payload.error));
  let decoded = 0;
  const eachBatch = ({ batch }: EachBatchPayload) => {
    for (const { value } of batch.messages) if (decode(value!).length > 0) decoded += 1;
    if (decoded >= events) done.resolve();
    return Promise.resolve();
  };
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatch });
    await done.promise;
  } finally {
    signal.removeEventListener('abort', stop);
    await consumer.disconnect();
  }
}

function decode(value: Buffer): string {
  if (value[0] === 0x7b) return (JSON.parse(value.toString()) as { driver_id: string }).driver_id;
  return fromBinary(ContractorStatusEventSchema, value).driverId;
}
