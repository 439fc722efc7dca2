import type { StreamKind } from '../domain/cursor.ts';
import type { Clock } from '../runtime/clock.ts';
import { offAbort, onAbort } from '../runtime/on-abort.ts';
import { admit } from './admission.ts';
import type { Bell } from './bell.ts';
import type { ChangeTail } from './change-tail.ts';
import type { Frame } from './frames.ts';
import { FeedRefusal } from './refusal.ts';
import type { Slots } from './slots.ts';
import { Subscription } from './subscription.ts';

export type WatchRequest = { cursor: Uint8Array; regions: readonly string[] };

export type WatchParts = {
  tail: ChangeTail;
  bell: Bell;
  clock: Clock;
  /** No new work: watchers are sent away, spread over `stopSpreadMs`. */
  stopping: AbortSignal;
  stopSpreadMs: number;
  instance: string;
  heartbeatIntervalMs: number;
  /** See SubscriptionOptions. */
  policy?: (() => Frame | null) | undefined;
  /** Streams that may be open, and snapshots under way, at once. */
  streams: Slots;
  snapshots: Slots;
  /** A stream is sent away at 80 to 100 % of this age, so that instances that came later get their share. */
  maxStreamAgeMs: number;
  /** From 0 up to 1, each time another. */
  random?: () => number;
};

/** Is told of each frame, before it is sent, and of the end. */
export type Watched = { sent(frame: Frame): void; end(): void };

const UNWATCHED: Watched = { sent: () => {}, end: () => {} };

/** Those who are sent away come back spread over this long. */
const RECONNECT_SPREAD_MS = 1_000;

/** Those who find no place are told to come back after this long, spread over as much again. */
const STREAM_RETRY_MS = 5_000;
const SNAPSHOT_RETRY_MS = 1_000;

/**
 * A stream for one watcher, frame by frame; a frame is made or taken only when the one before it has been sent. It never returns: it throws
 * the reason of `signal`, or a FeedRefusal: what `admit` refuses, TOO_MANY_STREAMS, SNAPSHOTS_BUSY, and after `go_away` STREAM_AGED or
 * SHUTTING_DOWN.
 */
export async function* watch(
  parts: WatchParts,
  kind: StreamKind,
  request: WatchRequest,
  signal: AbortSignal,
  count: () => Watched = () => UNWATCHED,
): AsyncGenerator<Frame, never, void> {
  const { tail, bell, clock, stopping, instance, heartbeatIntervalMs, policy, random = Math.random } = parts;
  if (stopping.aborted) throw new FeedRefusal('SHUTTING_DOWN');
  const leave = parts.streams.take();
  if (!leave) throw new FeedRefusal('TOO_MANY_STREAMS', spread(STREAM_RETRY_MS, random));
  let place: (() => void) | null = null;
  const takePlace = () => {
    place ??= parts.snapshots.take();
    if (!place) throw new FeedRefusal('SNAPSHOTS_BUSY', spread(SNAPSHOT_RETRY_MS, random));
  };
  const leavePlace = () => {
    place?.();
    place = null;
  };
  const leaving = openLeaving(parts, signal);
  const counted = count();
  using sleeper = bell.sleeper(leaving.signal);
  try {
    const either = leaving.signal;
    const start = await admit(parts, kind, request, either);
    if (start.position === 0) takePlace();
    const now = () => clock.monotonic();
    const agedAt = now() + parts.maxStreamAgeMs * (0.8 + random() / 5);
    const subscription = new Subscription({ tail, now, kind, start, instance, heartbeatIntervalMs, policy });
    for (const frame of subscription.begin()) {
      counted.sent(frame);
      yield frame;
    }
    // The bell rings with each heartbeat, so a quiet stream ages too. A snapshot is brought to its end.
    while (!either.aborted && (now() < agedAt || subscription.inSnapshot)) {
      if (subscription.mustStartAnew) takePlace();
      const frames = subscription.step();
      // One by one, and in no generator of their own: a frame of a live stream is some microseconds' work in all.
      for (const frame of frames ?? []) {
        counted.sent(frame);
        yield frame;
      }
      if (!frames) await sleeper.wait();
      if (!subscription.inSnapshot) leavePlace();
    }
    signal.throwIfAborted();
    const last = subscription.goAway(Math.floor(random() * RECONNECT_SPREAD_MS));
    counted.sent(last);
    yield last;
    throw new FeedRefusal(stopping.aborted ? 'SHUTTING_DOWN' : 'STREAM_AGED');
  } finally {
    leaving.end();
    counted.end();
    leavePlace();
    leave();
  }
}

/**
 * Aborts with `signal`, and at a moment of this watcher's own within the spread after `stopping`, so that not all come to the other instances at once.
 * It is asked about at each frame, so it is none of those that ask other signals each time.
 */
function openLeaving({ stopping, stopSpreadMs, clock, random = Math.random }: WatchParts, signal: AbortSignal) {
  const leaving = new AbortController();
  const leave = () => {
    if (stopSpreadMs === 0) leaving.abort();
    else void clock.sleep(random() * stopSpreadMs, signal).then(() => leaving.abort());
  };
  const following = onAbort(signal, () => leaving.abort(signal.reason));
  const stopped = onAbort(stopping, leave);
  return {
    signal: leaving.signal,
    end() {
      offAbort(signal, following);
      offAbort(stopping, stopped);
    },
  };
}

function spread(ms: number, random: () => number): number {
  return Math.round(ms * (1 + random()));
}
