import { type RefusalReason, refuseTime, type StatusEvent } from '../domain/driver-status.ts';
import { foldStatus, type PlacedEvent } from '../domain/status-fold.ts';
import { addToBalance } from './balance.ts';
import type { Db } from './database.ts';
import { type Change, type LockedState, lockStates, type ProfileKey, writeStates } from './driver-states.ts';
import { type IgnoredEvent, noteIgnored } from './event-ends.ts';
import { lockPosition, movePosition, type Position } from './positions.ts';
import { type QuarantinedMessage, quarantine } from './quarantine.ts';

/**
 * Takes a batch of events: one transaction of state, journal, queue, quarantine, balance and position, all or nothing.
 *
 * Guarantees: each offset of a partition counts once, whoever brings it and however often; a batch of an older topic of the same name, or one that
 * would leave a hole behind the stored position, changes nothing; a profile's state is that of its greatest event; every transition has
 * its line in the journal and leaves the profile queued; taken = ended + carried by the queue, after each commit.
 * Not guaranteed: durability. The caller chooses how to commit; position and data are lost together or not at all.
 */
export type EventBatch = {
  topic: string;
  partition: number;
  /** Where the batch stands; null for a push, which has no offsets. */
  place: BatchPlace | null;
  /** How many messages. They are asked for one by one and once only: nothing of a message outlives its turn but what is stored of it. */
  length: number;
  offsetOf(index: number): number;
  eventOf(index: number): StatusEvent | RefusalReason;
  /** The bytes of message `index`, for the quarantine. */
  payloadOf(index: number): Uint8Array;
};

export type BatchPlace = {
  generation: number;
  topicId: string;
  /** The batch holds everything that the partition has from here … */
  from: number;
  /** … up to here, exclusive. */
  next: number;
};

export type BatchResult =
  /** Counts sum up to the messages given, with `skipped` = offsets already taken earlier. */
  | {
      kind: 'taken';
      accepted: number;
      duplicate: number;
      outdated: number;
      skipped: number;
      refused: { index: number; reason: RefusalReason }[];
    }
  /** The batch does not continue the stored position: nothing was changed; read the position again. */
  | { kind: 'misplaced' };

export async function takeEvents(tx: Db, batch: EventBatch, limits: { maxSilenceMs: number }): Promise<BatchResult> {
  const { topic, partition, place } = batch;
  const stored = await lockPosition(tx, topic, partition);
  const position = place ? positionAfter(stored, place) : stored;
  if (!position) return { kind: 'misplaced' };
  const first = place && place.generation === stored.generation ? stored.nextOffset : 0;
  const { events, profiles, refused, skipped } = sortOut(batch, place ? first : -1, stored.nowMs);

  const folded = await foldInto(tx, profiles, position.generation, { ...limits, nowMs: stored.nowMs });
  await quarantine(tx, { topic, partition, generation: position.generation }, refused);
  await movePosition(tx, { topic, partition, position, taken: events + refused.length });
  await addToBalance(tx, `${topic}/${partition}`, [
    ...refused.map(({ reason }) => ({ outcome: 'quarantined' as const, reason, n: 1 })),
    { outcome: 'merged', n: folded.merged },
    { outcome: 'no_change', n: folded.noChange },
    { outcome: 'duplicate', n: folded.duplicate },
    { outcome: 'outdated', n: folded.outdated },
  ]);
  return {
    kind: 'taken',
    accepted: folded.transitions + folded.noChange,
    duplicate: folded.duplicate,
    outdated: folded.outdated,
    skipped,
    refused: refused.map(({ index, reason }) => ({ index, reason })),
  };
}

/** The position after the batch, or null if the batch does not continue the stored one. */
function positionAfter(stored: Position, place: BatchPlace): Position | null {
  const { generation, topicId, from, next } = place;
  const sameTopic = generation === stored.generation && topicId === stored.topicId;
  if (!sameTopic && generation <= stored.generation) return null;
  const continued = sameTopic ? stored.nextOffset : 0;
  return from > continued ? null : { generation, topicId, nextOffset: Math.max(continued, next) };
}

type Refused = QuarantinedMessage & { index: number; reason: RefusalReason };

function sortOut({ length, offsetOf, eventOf, payloadOf }: EventBatch, firstOffset: number, nowMs: number) {
  const profiles = openProfiles();
  const refused: Refused[] = [];
  let events = 0;
  let skipped = 0;
  for (let index = 0; index < length; index++) {
    const offset = offsetOf(index);
    if (offset < firstOffset) {
      skipped += 1;
      continue;
    }
    const event = eventOf(index);
    const refusal = typeof event === 'string' ? event : refuseTime(event.eventAtMs, nowMs);
    if (refusal) {
      refused.push({ index, offset, reason: refusal, payload: payloadOf(index) });
    } else if (typeof event !== 'string') {
      profiles.add(event, offset);
      events += 1;
    }
  }
  return { events, profiles: profiles.all, refused, skipped };
}

async function foldInto(
  tx: Db,
  profiles: readonly ProfileEvents[],
  generation: number,
  limits: { nowMs: number; maxSilenceMs: number },
) {
  const sums = { transitions: 0, merged: 0, noChange: 0, duplicate: 0, outdated: 0 };
  if (profiles.length === 0) return sums;
  const known = await lockStates(tx, profiles);
  const states: LockedState[] = [];
  const changes: Change[] = [];
  const queue: Change[] = [];
  const ignored: IgnoredEvent[] = [];
  for (const [i, { parkId, driverId, events }] of profiles.entries()) {
    const { row } = known[i]!;
    const fold = foldStatus(known[i]!, events, generation, limits);
    if (fold.changed) states.push({ ...fold.known, row: `"${row}"` });
    const no = states.length;
    for (const transition of fold.transitions) changes.push({ no, ...transition });
    if (fold.transitions.length > 0) queue.push(changes.at(-1)!);
    const { duplicateAtMs, outdatedAtMs } = fold;
    if (duplicateAtMs !== undefined) ignored.push({ parkId, driverId, outcome: 'duplicate', eventAtMs: duplicateAtMs });
    if (outdatedAtMs !== undefined) ignored.push({ parkId, driverId, outcome: 'outdated', eventAtMs: outdatedAtMs });
    sums.transitions += fold.transitions.length;
    sums.noChange += fold.noChange;
    sums.duplicate += fold.duplicate;
    sums.outdated += fold.outdated;
  }
  const { replaced } = await writeStates(tx, { states, changes, queue });
  await noteIgnored(tx, ignored);
  sums.merged = changes.length - queue.length + replaced;
  return sums;
}

type ProfileEvents = ProfileKey & { events: PlacedEvent[] };

/** Gathers events by profile, in the order in which the profiles come. Few drivers have an id that another park knows too. */
function openProfiles() {
  const all: ProfileEvents[] = [];
  const byDriver = new Map<string, ProfileEvents[]>();
  return {
    all: all as readonly ProfileEvents[],
    add({ parkId, driverId, status, eventAtMs }: StatusEvent, offset: number) {
      const namesakes = byDriver.get(driverId);
      let mine = namesakes?.find((profile) => profile.parkId === parkId);
      if (!mine) {
        mine = { parkId, driverId, events: [] };
        all.push(mine);
        if (namesakes) namesakes.push(mine);
        else byDriver.set(driverId, [mine]);
      }
      mine.events.push({ status, eventAtMs, offset });
    },
  };
}
