import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { type Db, inTransaction } from '../store/database.ts';
import { type BatchResult, takeEvents } from '../store/intake.ts';
import { readPosition } from '../store/positions.ts';
import { decodeMessage, type PushedEvent } from './decode.ts';
import type { OpenEventSource, TopicBatch } from './event-source.ts';
import { type PushResult, takePush } from './push.ts';
import { type ReplayResult, replayQuarantined } from './replay.ts';

/**
 * Loop 1: status events, from the topic and by push, into the database.
 *
 * Guarantees: a message of the topic counts exactly once, whatever is repeated, rebalanced or killed; what cannot be read goes to
 * quarantine with its reason and stops nothing; an event older than what is known of its profile changes nothing. A push is durable when
 * it is answered; the topic is taken with an asynchronous commit, since a lost commit loses the position too and the topic gives it again.
 * Not guaranteed: order across partitions other than by the events' own time.
 */
export type Intake = AsyncDisposable & {
  /** Takes a batch of the topic. Throws if the database is away: then nothing was stored. */
  takeBatch(batch: TopicBatch): Promise<BatchResult>;
  /** Takes pushed events. `signal` only keeps a push from beginning. */
  takeEvents(events: readonly PushedEvent[], signal: AbortSignal): Promise<PushResult>;
  /** Reads events of the quarantine once more and takes what can be taken. No id twice. */
  replay(ids: readonly number[]): Promise<ReplayResult>;
};

export type IntakeOptions = {
  db: Db;
  /** Null: this instance takes pushes only. */
  source: OpenEventSource | null;
  /** Tells the pushes of instances apart in the balance. */
  pushSlot: number;
  /** A connected profile without an event for so long counts as offline. */
  maxSilenceMs: number;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

/** What was measured longer ago says nothing of how it is now. */
const AGE_SHOWN_MS = 60_000;

export function openIntake(options: IntakeOptions): Intake {
  const { db, pushSlot, maxSilenceMs, clock, metrics } = options;
  const log = options.log.child({ part: 'intake' });
  const timer = metrics.timer('intake');
  const count = countEvents(metrics, log);
  const age = openAge(metrics, clock);

  const takeBatch = async (batch: TopicBatch): Promise<BatchResult> => {
    const { topic, partition, generation, topicId, from, next, messages } = batch;
    const events = {
      topic,
      partition,
      place: { generation, topicId, from, next },
      length: messages.length,
      offsetOf: (index: number) => Number(messages[index]!.offset),
      eventOf: (index: number) => decodeMessage(messages[index]!.value),
      payloadOf: (index: number) => messages[index]!.value ?? new Uint8Array(),
    };
    const result = await timer.measure('batch', () =>
      inTransaction(db, (tx) => takeEvents(tx, events, { maxSilenceMs }), { asyncCommit: true }),
    );
    if (result.kind === 'misplaced') {
      log.warn({ topic, partition, generation, from }, 'batch does not continue the stored position');
      return result;
    }
    count('topic', result);
    const newest = messages.length > 0 ? events.eventOf(messages.length - 1) : null;
    if (typeof newest === 'object' && newest) age(newest.eventAtMs);
    return result;
  };

  const source = options.source?.({
    position: (topic, partition) => readPosition(db, topic, partition),
    take: async (batch) => (await takeBatch(batch)).kind,
  });
  if (source) {
    metrics.gauge('intake_flowing', '1 while events of the topic can come to this instance, else 0', [], (gauge) =>
      gauge.set(source.ready() === null ? 1 : 0),
    );
  }

  return {
    takeBatch,
    async takeEvents(pushed, signal) {
      signal.throwIfAborted();
      const result = await timer.measure('push', () => takePush(db, { slot: pushSlot, maxSilenceMs }, pushed));
      count('push', { ...result, refused: result.rejected });
      return result;
    },
    async replay(ids) {
      const result = await timer.measure('replay', () => replayQuarantined(db, { slot: pushSlot, maxSilenceMs }, ids));
      count('replay', { ...result, refused: [] });
      return result;
    },
    [Symbol.asyncDispose]: async () => source?.[Symbol.asyncDispose](),
  };
}

/** Notes the newest event of a batch that was just taken. */
function openAge(metrics: Metrics, clock: Clock): (eventAtMs: number) => void {
  let ageMs = 0;
  let takenAt = Number.NEGATIVE_INFINITY;
  const help = 'Age of the newest event of the batch taken last, when it was taken; only of the last minute';
  metrics.gauge('intake_age_seconds', help, [], (gauge) => {
    if (clock.monotonic() - takenAt <= AGE_SHOWN_MS) gauge.set(ageMs / 1_000);
    else gauge.remove();
  });
  return (eventAtMs) => {
    takenAt = clock.monotonic();
    ageMs = clock.now() - eventAtMs;
  };
}

type Taken = {
  accepted: number;
  duplicate: number;
  outdated: number;
  skipped?: number;
  refused: readonly { reason: string }[];
};

function countEvents(metrics: Metrics, log: Log): (from: 'topic' | 'push' | 'replay', taken: Taken) => void {
  const events = metrics.counter('intake_events_total', 'Status events by source and what became of them', [
    'source',
    'outcome',
  ]);
  return (source, { accepted, duplicate, outdated, skipped = 0, refused }) => {
    const outcomes = { accepted, duplicate, outdated, skipped, quarantined: refused.length };
    for (const [outcome, n] of Object.entries(outcomes)) if (n > 0) events.inc({ source, outcome }, n);
    if (refused.length === 0) return;
    const reasons: Record<string, number> = {};
    for (const { reason } of refused) reasons[reason] = (reasons[reason] ?? 0) + 1;
    log.warn({ source, reasons }, 'messages quarantined');
  };
}
