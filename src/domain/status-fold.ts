import type { DriverStatus } from './driver-status.ts';

/**
 * How a batch of events changes what is known of a profile. Pure.
 *
 * Order is that of (time of the event, generation, offset), not of arrival: an event that is not greater than what is known changes
 * nothing. Every event is counted exactly once, as a transition, `noChange`, `duplicate` or `outdated`.
 */
export type KnownStatus = {
  status: DriverStatus;
  /** The last change from offline to connected; null if none is known. */
  connectedAtMs: number | null;
  /** -Infinity: nothing is known of the profile yet. */
  eventAtMs: number;
  generation: number;
  offset: number;
  /** The last accepted event, to about `seenGrainMs`. */
  seenAtMs: number;
};

/** An event of a profile with its place in its source. A push has none: generation 0, offset -1. */
export type PlacedEvent = { status: DriverStatus; eventAtMs: number; offset: number };

/** A change of connected, in the order of events. */
export type Transition = { connected: boolean; status: DriverStatus; eventAtMs: number };

export type Fold = {
  known: KnownStatus;
  changed: boolean;
  transitions: Transition[];
  noChange: number;
  duplicate: number;
  outdated: number;
  /** The last duplicate's and the last outdated event's own time; absent if there is none. */
  duplicateAtMs?: number;
  outdatedAtMs?: number;
};

export type FoldLimits = {
  nowMs: number;
  /** A connected profile without an event for so long counts as offline: coming back from that is a transition. */
  maxSilenceMs: number;
};

/** `seenAtMs` moves in steps of at least this, and with each change of connected: exact enough to tell silence. */
export const seenGrainMs = 10 * 60_000;

export const unknownStatus: KnownStatus = {
  status: 'offline',
  connectedAtMs: null,
  eventAtMs: -Infinity,
  generation: 0,
  offset: -1,
  seenAtMs: -Infinity,
};

/** Folds events of one profile, in any order, all of `generation`. */
export function foldStatus(
  known: KnownStatus,
  events: readonly PlacedEvent[],
  generation: number,
  limits: FoldLimits,
): Fold {
  const fold: Fold = { known: { ...known }, changed: false, transitions: [], noChange: 0, duplicate: 0, outdated: 0 };
  for (const event of inOrder(events)) {
    if (event.eventAtMs === fold.known.eventAtMs && event.status === fold.known.status) {
      fold.duplicate += 1;
      fold.duplicateAtMs = event.eventAtMs;
    } else if (!isNewer(event, generation, fold.known)) {
      fold.outdated += 1;
      fold.outdatedAtMs = event.eventAtMs;
    } else apply(fold, event, generation, limits);
  }
  return fold;
}

function apply(fold: Fold, event: PlacedEvent, generation: number, { nowMs, maxSilenceMs }: FoldLimits): void {
  const { known } = fold;
  const { status, eventAtMs, offset } = event;
  const silentBefore = nowMs - maxSilenceMs;
  const wasConnected = known.status !== 'offline';
  const connected = status !== 'offline';
  const returns = connected && (!wasConnected || (known.seenAtMs < silentBefore && eventAtMs >= silentBefore));
  const flips = wasConnected !== connected || returns;
  known.status = status;
  if (returns) known.connectedAtMs = eventAtMs;
  known.eventAtMs = eventAtMs;
  known.generation = generation;
  known.offset = offset;
  if (flips || eventAtMs >= known.seenAtMs + seenGrainMs) known.seenAtMs = eventAtMs;
  fold.changed = true;
  if (flips) fold.transitions.push({ connected, status, eventAtMs });
  else fold.noChange += 1;
}

/** Sorted by time; almost always they are already. */
function inOrder(events: readonly PlacedEvent[]): readonly PlacedEvent[] {
  for (let i = 1; i < events.length; i++) if (byTime(events[i - 1]!, events[i]!) > 0) return [...events].sort(byTime);
  return events;
}

function byTime(a: PlacedEvent, b: PlacedEvent): number {
  return a.eventAtMs - b.eventAtMs || a.offset - b.offset;
}

function isNewer(event: PlacedEvent, generation: number, known: KnownStatus): boolean {
  return (event.eventAtMs - known.eventAtMs || generation - known.generation || event.offset - known.offset) > 0;
}
