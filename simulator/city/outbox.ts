import type { ProfileRef } from '../neighbours/neighbour-data.ts';
import { profileKey } from '../neighbours/neighbour-data.ts';
import type { Twist } from './life.ts';

/** A status event as the city means it, or something that no reader can make sense of (`no` chooses which). */
export type Message = EventMessage | { kind: 'unreadable'; no: number };
export type EventMessage = { kind: 'event'; profile: ProfileRef; status: 'offline' | 'online' | 'busy'; atMs: number };

/** Where messages go. Rejects if it cannot say that all of them have arrived; they are then sent again. */
export type Sink = AsyncDisposable & { send(messages: readonly Message[], signal: AbortSignal): Promise<void> };

export type Produced = { messages: number; unreadable: number; duplicates: number; reordered: number };

/**
 * Messages on their way, in order, but for the twists: some events go out twice, some are held back until after the profile's next one.
 * Nothing is lost: what could not be sent stays first in line.
 */
export type Outbox = {
  put(message: Message, twist: Twist | null): void;
  /** Sends what there is. Not to be called while a call is under way. */
  flush(sink: Sink, signal: AbortSignal): Promise<void>;
  /** Lets go of what has been held back since before `atMs`. */
  release(atMs: number): void;
  readonly waiting: number;
  /** What has arrived. */
  readonly produced: Readonly<Produced>;
};

type Queued = { message: Message; twist: Twist | null };

const biggestBatch = 2_000;
const heldAtMost = 200;

export function openOutbox(): Outbox {
  const produced: Produced = { messages: 0, unreadable: 0, duplicates: 0, reordered: 0 };
  const held = new Map<string, Queued & { message: EventMessage }>();
  let queue: Queued[] = [];
  const count = (sent: readonly Queued[]) => {
    for (const { message, twist } of sent) {
      produced.messages += 1;
      produced.unreadable += message.kind === 'unreadable' ? 1 : 0;
      produced.duplicates += twist === 'duplicate' ? 1 : 0;
      produced.reordered += twist === 'reorder' ? 1 : 0;
    }
  };
  return {
    produced,
    get waiting() {
      return queue.length + held.size;
    },
    put(message, twist) {
      if (message.kind === 'unreadable') {
        queue.push({ message, twist: null });
        return;
      }
      const key = profileKey(message.profile);
      const earlier = held.get(key);
      if (twist === 'reorder' && !earlier && held.size < heldAtMost) {
        held.set(key, { message, twist });
        return;
      }
      queue.push({ message, twist: null });
      if (twist === 'duplicate') queue.push({ message, twist });
      if (earlier) queue.push(earlier);
      held.delete(key);
    },
    async flush(sink, signal) {
      while (queue.length > 0) {
        const batch = queue.slice(0, biggestBatch);
        await sink.send(
          batch.map(({ message }) => message),
          signal,
        );
        queue = queue.slice(batch.length);
        count(batch);
      }
    },
    release(atMs) {
      for (const [key, { message }] of held) {
        if (message.atMs >= atMs) continue;
        queue.push({ message, twist: null });
        held.delete(key);
      }
    },
  };
}
