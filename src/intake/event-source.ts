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

/** As a client of the broker gives it: the offset is a number, or a text that says one. */
export type TopicMessage = { offset: number | string; value: Uint8Array | null };

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

/** Where a source stands in a partition: everything before `from` is stored, and the broker is asked from `offset` on. */
export type Standing = { generation: number; topicId: string; from: number; offset: number };

/**
 * Where to go on reading. `topicId` is the broker's, read after `stored`: a topic of another id is a new one, whatever its name, and is
 * read from its beginning under the next generation.
 */
export function standingAt(stored: Position | null, topicId: string): Standing {
  if (stored?.topicId !== topicId) return { generation: (stored?.generation ?? 0) + 1, topicId, from: 0, offset: 0 };
  return { generation: stored.generation, topicId, from: stored.nextOffset, offset: stored.nextOffset };
}

/**
 * Where to go on when the broker has nothing at `offset`; `low` and `high` are the limits of what it has. `lost` counts messages that it
 * no longer has. A partition that ends before our position was cut off and written anew: that is another log, read from its beginning.
 */
export function standingWithin(
  standing: Standing,
  { low, high }: { low: number; high: number },
): Standing & { lost: number } {
  if (standing.offset > high) {
    return { ...standing, generation: standing.generation + 1, from: 0, offset: low, lost: 0 };
  }
  const offset = Math.max(standing.offset, low);
  return { ...standing, offset, lost: offset - standing.offset };
}
