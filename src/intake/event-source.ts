import type { Position } from '../store/positions.ts';

/**
 * Where events come from: the partitions of one topic, in order, at least once. A source gives batches to its sink and goes on only after the
 * sink has taken them; where it goes on from is for the sink to say, since the database's position is the truth.
 */
export type EventSource = AsyncDisposable & {
  /** Null if events are flowing, else why not, for people. */
  ready(): string | null;
};

/** Makes a source that feeds `sink`, and starts it. */
export type OpenEventSource = (sink: EventSink) => EventSource;

export type EventSink = {
  /** The stored position of a partition; null before its first message. */
  position(topic: string, partition: number): Promise<Position | null>;
  /** `'taken'`: stored, go on behind it. `'misplaced'`: nothing was stored, read the position again. Throws if the database is away. */
  take(batch: TopicBatch): Promise<'taken' | 'misplaced'>;
};

export type TopicMessage = { offset: number; value: Uint8Array | null };

/** All messages of a partition from `from` up to `next`, exclusive. */
export type TopicBatch = {
  topic: string;
  partition: number;
  generation: number;
  topicId: string;
  from: number;
  next: number;
  messages: readonly TopicMessage[];
};

export type StartPoint = { generation: number; topicId: string; offset: number };

/**
 * Where to go on reading. `topicId` is the broker's, read after `stored`: a topic of another id is a new one, whatever its name, and is
 * read from its beginning under the next generation.
 */
export function startPoint(stored: Position | null, topicId: string): StartPoint {
  if (stored?.topicId === topicId) {
    return { generation: stored.generation, topicId, offset: stored.nextOffset };
  }
  return { generation: (stored?.generation ?? 0) + 1, topicId, offset: 0 };
}
