import { type RefusalReason, refuseTime, type StatusEvent } from '../domain/driver-status.ts';
import { type Db, inTransaction } from '../store/database.ts';
import { type BatchResult, takeEvents } from '../store/intake.ts';
import { deleteQuarantined, lockQuarantined } from '../store/operations-quarantine.ts';
import { decodeMessage } from './decode.ts';
import { noOffset, pushTopic } from './push.ts';

/** What became of events of the quarantine; accepted + duplicate + outdated + refused + missing = ids given. */
export type ReplayResult = {
  accepted: number;
  duplicate: number;
  outdated: number;
  refused: { id: number; reason: RefusalReason }[];
  missing: number;
};

type Read = { id: number; payload: Buffer; event: StatusEvent };

/**
 * Reads events of the quarantine once more and takes those that can be taken now, as a push: they are counted as taken in a second time, as
 * what they were, an event that came to nothing and one that came later. One durable transaction, in which they leave the quarantine.
 */
export function replayQuarantined(
  db: Db,
  { slot, maxSilenceMs }: { slot: number; maxSilenceMs: number },
  ids: readonly number[],
): Promise<ReplayResult> {
  return inTransaction(db, async (tx) => {
    const { kept, nowMs } = await lockQuarantined(tx, ids);
    const read: Read[] = [];
    const refused: ReplayResult['refused'] = [];
    for (const { id, payload } of kept) {
      const event = decodeMessage(payload);
      const reason = typeof event === 'string' ? event : refuseTime(event.eventAtMs, nowMs);
      if (reason) refused.push({ id, reason });
      else if (typeof event !== 'string') read.push({ id, payload, event });
    }
    const missing = ids.length - kept.length;
    if (read.length === 0) return { accepted: 0, duplicate: 0, outdated: 0, refused, missing };
    const batch = {
      topic: pushTopic,
      partition: slot,
      place: null,
      length: read.length,
      offsetOf: () => noOffset,
      eventOf: (index: number) => read[index]!.event,
      payloadOf: (index: number) => read[index]!.payload,
    };
    const taken = (await takeEvents(tx, batch, { maxSilenceMs })) as BatchResult & { kind: 'taken' };
    await deleteQuarantined(
      tx,
      read.map(({ id }) => id),
    );
    const { accepted, duplicate, outdated } = taken;
    // Those that grew too old in this moment are in quarantine again, under a new id.
    for (const { index, reason } of taken.refused) refused.push({ id: read[index]!.id, reason });
    return { accepted, duplicate, outdated, refused, missing };
  });
}
