import { Code, ConnectError } from '@connectrpc/connect';
import { pause } from './clock.ts';
import type { Endpoints } from './endpoints.ts';
import { type Feed, StartAnew } from './feed.ts';
import type { Frame } from './feed-view.ts';
import { FrameMalformed } from './record-reader.ts';
import { openWatchdog } from './watchdog.ts';

export type FollowOptions = {
  feed: Feed;
  endpoints: Endpoints;
  following: Following;
  reconnect: { baseMs: number; maxMs: number };
  /** Something about the stream has changed. */
  changed(what: StreamEvent): void;
  /** The copy itself failed: look for damage everywhere. */
  inspectAll(): void;
  signal: AbortSignal;
};

/** How the following of a feed goes. */
export type Following = { turn: number; isConnected: boolean; connects: number; failures: number };

export type StreamEvent = 'connected' | 'disconnected' | 'go_away' | 'reset' | 'snapshot' | 'whole' | 'violation';

const CONNECT_TICKS = 10;
const SILENT_HEARTBEATS = 3;

/**
 * Follows a feed until `signal` aborts: stream after stream, each from the cursor where the last one ended, at the next endpoint. Pauses between
 * them double, with jitter, until frames come; `go_away` says itself how long to wait. A cursor that is refused, and a copy that proved to
 * be wrong, mean a snapshot.
 */
export async function follow(options: FollowOptions): Promise<void> {
  const { feed, following, reconnect, signal } = options;
  let troubles = 0;
  let inARow = 0;
  while (!signal.aborted) {
    const before = feed.counts.frames;
    following.connects += 1;
    const end = await readStream(options);
    following.isConnected = false;
    following.turn += 1;
    if (signal.aborted) return;
    options.changed('disconnected');
    if (end.kind === 'go_away') {
      inARow = 0;
      await pause(end.waitMs, signal);
      continue;
    }
    following.failures += 1;
    // A few frames always come: the hello at least.
    inARow = feed.counts.frames > before + 2 ? 1 : inARow + 1;
    if (end.kind === 'wrong') {
      options.changed('violation');
      troubles += 1;
      // Once it may have been the way; twice in a row it is the copy or its cursor.
      if (end.anew || troubles > 1) feed.startAnew();
    } else troubles = 0;
    const ceiling = Math.min(reconnect.maxMs, reconnect.baseMs * 2 ** Math.min(16, inARow - 1));
    await pause(ceiling * (0.5 + Math.random() / 2), signal);
  }
}

type End = { kind: 'go_away'; waitMs: number } | { kind: 'broken' } | { kind: 'wrong'; anew: boolean };

async function readStream(options: FollowOptions): Promise<End> {
  const { feed, endpoints, following, signal } = options;
  using watchdog = openWatchdog(1_000, CONNECT_TICKS);
  let goAway: { waitMs: number } | null = null;
  try {
    const client = endpoints.at(endpoints.first + following.turn);
    const either = AbortSignal.any([signal, watchdog.signal]);
    const request = { cursor: feed.cursor };
    const frames =
      feed.kind === 'ids'
        ? client.watchIds(request, { signal: either })
        : client.watchStatuses(request, { signal: either });
    for await (const { frame } of frames) {
      watchdog.heard();
      feed.take(frame);
      if (frame.case === 'hello') watchdog.expect(feed.heartbeatIntervalMs, SILENT_HEARTBEATS);
      if (frame.case === 'goAway') goAway = { waitMs: frame.value.reconnectAfterMs };
      tell(options, frame);
    }
  } catch (error) {
    if (goAway === null) return endOf(error, options);
  }
  return goAway ? { kind: 'go_away', waitMs: goAway.waitMs } : { kind: 'broken' };
}

function tell({ following, changed }: FollowOptions, frame: Frame): void {
  if (frame.case === 'hello') {
    following.isConnected = true;
    changed('connected');
  } else if (frame.case === 'reset') changed('reset');
  else if (frame.case === 'snapshotBegin') changed('snapshot');
  else if (frame.case === 'snapshotEnd' || frame.case === 'heartbeat') changed('whole');
  else if (frame.case === 'goAway') changed('go_away');
}

function endOf(error: unknown, { inspectAll }: FollowOptions): End {
  if (error instanceof StartAnew) return { kind: 'wrong', anew: true };
  if (error instanceof FrameMalformed) return { kind: 'wrong', anew: false };
  if (!(error instanceof ConnectError)) {
    // Neither the network nor the contract: the copy stumbled over itself.
    inspectAll();
    return { kind: 'wrong', anew: false };
  }
  // The one argument is the cursor.
  if (error.code === Code.InvalidArgument) return { kind: 'wrong', anew: true };
  return { kind: 'broken' };
}
