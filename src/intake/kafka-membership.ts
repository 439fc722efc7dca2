import { type Cluster, type Kafka, PartitionAssigners } from 'kafkajs';
import { startLoop } from '../runtime/loop.ts';
import type { EventSink } from './event-source.ts';
import type { KafkaOptions } from './kafka.ts';
import { openPartitions } from './kafka-partitions.ts';

export type MembershipOptions = KafkaOptions & {
  kafka: Kafka;
  sink: EventSink;
  stopping: AbortSignal;
  /** Called when the group has given this member its partitions. */
  onJoin(): void;
  /** Called whenever the group has answered this member. */
  onHeard(): void;
  /** How many messages of each of its partitions are not taken yet. */
  lags: Map<number, number>;
};

/**
 * One membership in the consumer group, from joining to the end. Resolves when `stopping` has fired and the last batch has ended; rejects if the
 * membership crashed, or never came to be.
 */
export async function runMembership(options: MembershipOptions): Promise<void> {
  const { topic, stopping, onJoin, onHeard } = options;
  if (stopping.aborted) return;
  const { consumer, cluster } = makeConsumer(options);
  const partitions = openPartitions(options, consumer, cluster);
  const ended = Promise.withResolvers<void>();
  ended.promise.catch(() => undefined);
  const stop = () => ended.resolve();
  stopping.addEventListener('abort', stop, { once: true });
  consumer.on('consumer.crash', ({ payload }) => ended.reject(payload.error));
  consumer.on('consumer.heartbeat', onHeard);
  consumer.on('consumer.group_join', ({ payload }) => {
    partitions.assign(payload.memberAssignment[topic] ?? []);
    onJoin();
  });
  await using _ = startLoop({
    name: 'verify',
    runOnce: async () => {
      await partitions.verify();
      return 'idle';
    },
    pauseMs: options.verifyMs,
    lifetime: options.lifetime,
    clock: options.clock,
    log: options.log,
    timer: options.metrics.timer('intake'),
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: options.partitionsAtOnce,
      eachBatch: partitions.takeBatch,
    });
    await ended.promise;
  } finally {
    stopping.removeEventListener('abort', stop);
    await consumer.disconnect();
    partitions.assign([]);
  }
}

function makeConsumer(options: MembershipOptions) {
  const { kafka, groupId, sessionTimeoutMs, maxWaitMs, fetchBytes, partitionFetchBytes } = options;
  const made: Cluster[] = [];
  const consumer = kafka.consumer({
    groupId,
    // The one way to the connection that kafkajs gives to its users.
    partitionAssigners: [
      (config) => {
        made.push(config.cluster);
        return PartitionAssigners.roundRobin(config);
      },
    ],
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: Math.floor(sessionTimeoutMs / 10),
    maxWaitTimeInMs: maxWaitMs,
    maxBytes: fetchBytes,
    maxBytesPerPartition: partitionFetchBytes,
    retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 2_000, restartOnFailure: () => Promise.resolve(false) },
  });
  return { consumer, cluster: made[0]! };
}
