import kafkajs, { type Cluster, type Consumer, type EachBatchPayload } from 'kafkajs';
import type { Counter } from 'prom-client';
import { backoffMs } from '../runtime/backoff.ts';
import { type Standing, standingAt, standingWithin } from './event-source.ts';
import type { MembershipOptions } from './kafka-membership.ts';
import { readTopicId } from './kafka-topic-id.ts';

/**
 * The partitions of one member. A partition is read only once its standing is known: at each join all are paused, their positions read
 * from the database, the topic's id from the broker, and sought. Whenever anything does not fit (the database went back, the topic is
 * another, the broker cut its log), or the database is away, the partition is paused and its standing found anew.
 */
export type Partitions = {
  /** The group has given this member these partitions, instead of those it had. */
  assign(partitions: readonly number[]): void;
  takeBatch(payload: EachBatchPayload): Promise<void>;
  /** Notices that the database went back (a crash took the last commits) in partitions where no message comes to show it. */
  verify(): Promise<void>;
};

type Member = {
  options: MembershipOptions;
  consumer: Consumer;
  cluster: Cluster;
  /** Replaced by each assignment: whoever holds an older one has lost its partitions. */
  standings: Map<number, Standing>;
  /** Failures in a row, by partition. */
  failures: Map<number, number>;
  lost: Counter;
};

export function openPartitions(options: MembershipOptions, consumer: Consumer, cluster: Cluster): Partitions {
  const { metrics, lags } = options;
  const lost = metrics.counter('intake_lost_messages_total', 'Messages that the broker dropped before they were taken');
  const member: Member = { options, consumer, cluster, standings: new Map(), failures: new Map(), lost };
  return {
    assign(partitions) {
      member.standings = new Map();
      member.failures = new Map();
      lags.clear();
      for (const partition of partitions) void find(member, partition);
    },
    takeBatch: (payload) => takeBatch(member, payload),
    verify: () => verify(member),
  };
}

/** Pauses the partition until its standing is found. Never throws. */
async function find(member: Member, partition: number): Promise<void> {
  const { options, consumer, cluster, standings } = member;
  const { topic, sink, stopping, clock, log } = options;
  standings.delete(partition);
  const isOver = () => stopping.aborted || member.standings !== standings;
  while (true) {
    try {
      consumer.pause([{ topic, partitions: [partition] }]);
      const failed = member.failures.get(partition) ?? 0;
      if (failed > 0) await clock.sleep(backoffMs(failed, { baseMs: 100, maxMs: 10_000 }), stopping);
      if (isOver()) return;
      const stored = await sink.position(topic, partition);
      const standing = standingAt(stored, await readTopicId(cluster, topic, partition));
      if (isOver()) return;
      stand(member, partition, standing);
      consumer.resume([{ topic, partitions: [partition] }]);
      return;
    } catch (error) {
      if (isOver()) return;
      log.warn({ err: error, partition }, 'cannot find the position');
      countFailure(member, partition);
    }
  }
}

async function verify(member: Member): Promise<void> {
  const { options, standings } = member;
  for (const [partition, { generation, from }] of [...standings]) {
    const stored = await options.sink.position(options.topic, partition);
    if (member.standings !== standings) return;
    const isBehind = stored ? stored.generation === generation && stored.nextOffset < from : from > 0;
    if (isBehind && standings.has(partition)) void find(member, partition);
  }
}

function countFailure({ failures }: Member, partition: number): void {
  failures.set(partition, (failures.get(partition) ?? 0) + 1);
}

function stand({ options, consumer, standings }: Member, partition: number, standing: Standing): void {
  standings.set(partition, standing);
  consumer.seek({ topic: options.topic, partition, offset: String(standing.offset) });
}

async function takeBatch(member: Member, payload: EachBatchPayload): Promise<void> {
  const { options, cluster, standings } = member;
  const { partition } = payload.batch;
  const standing = standings.get(partition);
  if (!standing) return;
  try {
    const topicId = await readTopicId(cluster, options.topic, partition);
    if (member.standings !== standings) return;
    if (topicId !== standing.topicId) void find(member, partition);
    else if (fetchedFrom(payload.batch) !== standing.offset) await realign(member, partition, standing);
    else await takeAll(member, payload, standing);
  } catch (error) {
    // kafkajs knows what to do: join again, find the leader … (Node sees its errors only on the default export.)
    if (error instanceof kafkajs.KafkaJSError) throw error;
    options.log.warn({ err: error, partition }, 'batch not taken');
    countFailure(member, partition);
    if (member.standings === standings) void find(member, partition);
  }
}

/** The offset that a batch was asked from: what tells a hole in the log from a batch that does not continue ours. */
function fetchedFrom(batch: object): number {
  return Number((batch as { fetchedOffset: string }).fetchedOffset);
}

/** The broker gives messages from elsewhere than asked: it has no such offset, or kafkajs passed over marks of transactions. */
async function realign(member: Member, partition: number, standing: Standing): Promise<void> {
  const { options, cluster, standings } = member;
  const limit = async (fromBeginning: boolean) => {
    const asked = [{ topic: options.topic, partitions: [{ partition }], fromBeginning }];
    const [found] = await cluster.fetchTopicsOffset(asked);
    return Number((found!.partitions[0] as { offset: string }).offset);
  };
  const next = standingWithin(standing, { low: await limit(true), high: await limit(false) });
  if (member.standings !== standings) return;
  if (next.lost > 0 || next.generation !== standing.generation) {
    const { offset: from, generation } = standing;
    options.log.error({ partition, generation, from, next: next.offset, lost: next.lost }, 'the broker lost messages');
    member.lost.inc(next.lost);
  }
  stand(member, partition, next);
}

/** Takes a batch in slices, each one transaction, and tells the broker at the end. */
async function takeAll(member: Member, payload: EachBatchPayload, standing: Standing): Promise<void> {
  const { options, standings, failures } = member;
  const { batch, heartbeat, resolveOffset, isRunning, isStale } = payload;
  const { topic, sink, maxBatch } = options;
  const { partition, messages } = batch;
  const { generation, topicId } = standing;
  let { from } = standing;
  for (let start = 0; start < messages.length; start += maxBatch) {
    const slice = messages.slice(start, start + maxBatch);
    const last = slice.at(-1)!.offset;
    // The last slice ends where the batch does, behind marks of transactions.
    const next = 1 + Number(start + slice.length === messages.length ? batch.lastOffset() : last);
    const result = await sink.take({ topic, partition, generation, topicId, from, next, messages: slice });
    if (member.standings !== standings) return;
    if (result === 'misplaced') return void find(member, partition);
    from = next;
    failures.delete(partition);
    standings.set(partition, { generation, topicId, from, offset: next });
    resolveOffset(last);
    await heartbeat();
    if (!isRunning() || isStale()) return;
  }
  options.lags.set(partition, Number(batch.highWatermark) - from);
  await payload.commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition, offset: String(from) }] }] });
}
