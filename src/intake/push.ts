import type { RefusalReason } from '../domain/driver-status.ts';
import { type Db, inTransaction } from '../store/database.ts';
import { type BatchResult, takeEvents } from '../store/intake.ts';
import { decodeEvent, encodeEvent, type PushedEvent } from './decode.ts';

/** What became of a pushed batch; accepted + duplicate + outdated + rejected = events given. `index` is the place in the batch. */
export type PushResult = {
  accepted: number;
  duplicate: number;
  outdated: number;
  rejected: { index: number; reason: RefusalReason }[];
};

/** The topic name and the offset that stand for "pushed". */
export const pushTopic = 'push';
export const noOffset = -1;

/**
 * Takes events that were pushed: the same path as the topic's, but for the order (a push has no offsets: at equal times the topic wins) and the
 * commit, which is durable before the answer. Throws if the database is away; then nothing was stored.
 */
export async function takePush(
  db: Db,
  { slot, maxSilenceMs }: { slot: number; maxSilenceMs: number },
  events: readonly PushedEvent[],
): Promise<PushResult> {
  const batch = {
    topic: pushTopic,
    partition: slot,
    place: null,
    length: events.length,
    offsetOf: () => noOffset,
    eventOf: (index: number) => decodeEvent(events[index]!),
    payloadOf: (index: number) => encodeEvent(events[index]!),
  };
  const result = await inTransaction(db, (tx) => takeEvents(tx, batch, { maxSilenceMs }));
  const { accepted, duplicate, outdated, refused } = result as BatchResult & { kind: 'taken' };
  return { accepted, duplicate, outdated, rejected: refused };
}
