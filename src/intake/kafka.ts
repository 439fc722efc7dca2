import { Kafka, logLevel } from 'kafkajs';
import type { Clock } from '../runtime/clock.ts';
import type { Lifetime } from '../runtime/lifetime.ts';
import type { Log } from '../runtime/log.ts';
import { startLoop } from '../runtime/loop.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { OpenEventSource } from './event-source.ts';
import { kafkaLogTo } from './kafka-log.ts';
import { runMembership } from './kafka-membership.ts';

/**
 * The topic as a source of events, through kafkajs. This file and its siblings `kafka-*` are the only ones that know it.
 *
 * Guarantees: reading begins and goes on where the database says, never where the broker thinks; a batch is given on only if it is of the topic
 * that the position is of; a broker that is away, at the start or later, is tried again for ever. The offset is committed to the broker
 * too, after the transaction, for people and tools to look at.
 * Not guaranteed: that only one member reads a partition. During a rebalance two may; the database lets one of them through.
 */
export type KafkaOptions = {
  brokers: readonly string[];
  topic: string;
  groupId: string;
  clientId: string;
  /** Partitions whose batches are taken at the same time. */
  partitionsAtOnce: number;
  /** Messages in one transaction, at most. */
  maxBatch: number;
  /** Bytes of one fetch, at most: of all partitions, and of each. */
  fetchBytes: number;
  partitionFetchBytes: number;
  /** How long the broker holds a fetch that finds nothing. Also about how long a new member waits to join. */
  maxWaitMs: number;
  /** A member that was silent for so long is put out of the group. */
  sessionTimeoutMs: number;
  /** How often positions are compared with the database's. */
  verifyMs: number;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

export function kafkaSource(options: KafkaOptions): OpenEventSource {
  const { brokers, clientId, sessionTimeoutMs, lifetime, clock, metrics } = options;
  const log = options.log.child({ part: 'intake' });
  return (sink) => {
    const closing = new AbortController();
    const stopping = AbortSignal.any([lifetime.stopping, closing.signal]);
    let reason: string | null = 'The broker has not answered yet.';
    let heardAt = 0;
    const ready = () =>
      reason ?? (clock.monotonic() - heardAt > sessionTimeoutMs ? 'The broker has fallen silent.' : null);
    const lags = openLags(metrics, ready);
    const kafka = new Kafka({
      brokers: [...brokers],
      clientId,
      connectionTimeout: 3_000,
      requestTimeout: 15_000,
      logLevel: logLevel.WARN,
      logCreator: kafkaLogTo(log),
      retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 },
    });

    const runOnce = async (): Promise<'idle'> => {
      let joined = false;
      const onHeard = () => {
        heardAt = clock.monotonic();
      };
      const onJoin = () => {
        onHeard();
        joined = true;
        reason = null;
      };
      try {
        await runMembership({ ...options, log, kafka, sink, stopping, onJoin, onHeard, lags });
      } catch (error) {
        reason = 'The broker does not answer, or has no such topic.';
        if (!joined) throw error;
        log.warn({ err: error }, 'membership ended, joining again');
      }
      return 'idle';
    };

    const loop = startLoop({
      name: 'membership',
      runOnce,
      pauseMs: 200,
      backoff: { baseMs: 200, maxMs: 15_000 },
      lifetime,
      clock,
      log,
      timer: metrics.timer('intake'),
    });
    return {
      ready,
      async [Symbol.asyncDispose]() {
        closing.abort();
        await loop[Symbol.asyncDispose]();
      },
    };
  };
}

/** How far behind this member is in its partitions. Nothing is shown while it cannot be known. */
function openLags(metrics: Metrics, ready: () => string | null): Map<number, number> {
  const lags = new Map<number, number>();
  metrics.gauge('intake_lag_messages', 'Messages of the partition that are not taken yet', ['partition'], (gauge) => {
    gauge.reset();
    if (ready() === null) for (const [partition, lag] of lags) gauge.set({ partition }, lag);
  });
  return lags;
}
