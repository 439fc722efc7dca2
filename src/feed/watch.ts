import type { StreamKind } from '../domain/cursor.ts';
import type { Clock } from '../runtime/clock.ts';
import { admit } from './admission.ts';
import type { Bell } from './bell.ts';
import type { ChangeTail } from './change-tail.ts';
import type { Frame } from './frames.ts';
import { FeedRefusal } from './refusal.ts';
import { Subscription } from './subscription.ts';

export type WatchRequest = { cursor: Uint8Array; regions: readonly string[] };

export type WatchParts = {
  tail: ChangeTail;
  bell: Bell;
  clock: Clock;
  /** No new work: watchers are sent away. */
  stopping: AbortSignal;
  instance: string;
  heartbeatIntervalMs: number;
};

/** Those who are sent away come back spread over this long. */
const RECONNECT_SPREAD_MS = 1_000;

/**
 * A stream for one watcher, frame by frame; a frame is made or taken only when the one before it has been sent. It never returns: it throws
 * the reason of `signal`, or a FeedRefusal, SHUTTING_DOWN after `go_away` among them.
 */
export async function* watch(
  parts: WatchParts,
  kind: StreamKind,
  request: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<Frame, never, void> {
  const { tail, bell, clock, stopping, instance, heartbeatIntervalMs } = parts;
  if (stopping.aborted) throw new FeedRefusal('SHUTTING_DOWN');
  const either = AbortSignal.any([signal, stopping]);
  const start = await admit(parts, kind, request, either);
  const now = () => clock.monotonic();
  const subscription = new Subscription({ tail, now, kind, start, instance, heartbeatIntervalMs });
  yield* subscription.begin();
  while (!either.aborted) {
    const frames = subscription.step();
    if (frames) yield* frames;
    else await bell.wait(either);
  }
  signal.throwIfAborted();
  yield subscription.goAway(Math.floor(Math.random() * RECONNECT_SPREAD_MS));
  throw new FeedRefusal('SHUTTING_DOWN');
}
