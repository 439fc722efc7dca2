import type { PolicyInForce } from '../../gen/deptrans/v1/policy_pb.ts';
import type { Facts } from '../../verdict/verdict.ts';
import type { StreamKind } from '../domain/cursor.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Lifetime } from '../runtime/lifetime.ts';
import type { Log } from '../runtime/log.ts';
import { startLoop } from '../runtime/loop.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Db } from '../store/database.ts';
import { openAudit } from './audit.ts';
import { openBell } from './bell.ts';
import { openChangeTail } from './change-tail.ts';
import { KINDS } from './copy.ts';
import { type Frame, policyFrame } from './frames.ts';
import type { IdFacts } from './image.ts';
import { openFeedMetrics } from './metrics.ts';
import { type ListRequest, listPage } from './pages.ts';
import { FeedRefusal } from './refusal.ts';
import { openSlots } from './slots.ts';
import { type WatchRequest, watch } from './watch.ts';

export { ENVELOPE_BYTES, type Frame } from './frames.ts';
export type { IdFacts } from './image.ts';
export type { ListRequest } from './pages.ts';
export { FeedRefusal } from './refusal.ts';

/**
 * The feed: an exact copy of ids and sessions in memory, kept by tailing the database's log of commits, and handed out to any number of
 * subscribers as streams, pages and answers about one driver.
 *
 * It guarantees what the contract promises of the streams: ordered, nothing missing, commits not split by a heartbeat, any cursor of this
 * database resumed, never silently older. A frame is encoded once for all who follow without a filter, and a slow reader costs one frame.
 * With the database away it goes on serving what it knows, and says how old that is.
 *
 * It does not decide who may subscribe, how many may, or which regions there are; it answers nothing before its first load has ended.
 */
export type Feed = AsyncDisposable & {
  /** See `watch`. */
  watch(kind: StreamKind, request: WatchRequest, signal: AbortSignal): AsyncGenerator<Frame, void, void>;
  /** See `listPage`. */
  list(kind: StreamKind, request: ListRequest, signal: AbortSignal): Promise<Uint8Array>;
  /** What is known of a profile; null if there is none. Throws FeedRefusal SERVICE_DEGRADED before the first load. */
  lookup(parkId: string, driverId: string): Facts | null;
  /** The id of a profile's person; null if there is no such profile. Throws as `lookup` does. */
  lookupId(parkId: string, driverId: string): IdFacts | null;
  /** Hands a policy out from now on, to all who follow the ids. */
  setPolicy(policy: PolicyInForce): void;
  /** The newest commit in the copy; 0 before the first load. */
  head(): number;
  /** The copy equals the database as it was at most this many ms ago. Infinity before the first load. */
  sourceAgeMs(): number;
  /** Why it cannot serve yet; null if it can. */
  notReady(): string | null;
};

export type FeedOptions = {
  db: Db;
  /** Names this process to people who watch. */
  instance: string;
  pollMs?: number;
  heartbeatIntervalMs?: number;
  /** Between two stretches of the audit, and how many numbers one has. */
  auditMs?: number;
  auditRows?: number;
  /** Streams open, and snapshots under way, at once; the greatest age of a stream. See `WatchParts`. */
  maxStreams?: number;
  maxSnapshots?: number;
  maxStreamAgeMs?: number;
  /** Over how long streams are sent away when the process stops. */
  stopSpreadMs?: number;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

/** Who takes longer for a snapshot makes room for another. */
const SNAPSHOT_MS = 60_000;

/** Starts loading and tailing. The first load may still be under way when it returns, or may wait for the database. */
export function openFeed(options: FeedOptions): Feed {
  const { db, instance, pollMs = 48, heartbeatIntervalMs = 1_000, auditMs = 1_000, auditRows = 500 } = options;
  const { maxStreams = 2_000, maxSnapshots = 128, maxStreamAgeMs = 600_000, stopSpreadMs = 0 } = options;
  const { lifetime, clock, metrics } = options;
  const log = options.log.child({ part: 'feed' });
  const bell = openBell();
  const counts = openFeedMetrics(metrics, () => tail);
  const tail = openChangeTail({ db, clock, log, changed: bell.ring, reloaded: counts.reloaded });
  const stopping = lifetime.stopping;
  const streams = openSlots(maxStreams, clock);
  const snapshots = openSlots(maxSnapshots, clock, SNAPSHOT_MS);
  const limits = { heartbeatIntervalMs, streams, snapshots, maxStreamAgeMs, stopSpreadMs };
  let policy: Frame | null = null;
  const parts = { policy: () => policy, tail, bell, clock, stopping, instance, ...limits };

  const beat = () => {
    const { copy } = tail;
    if (!copy) return;
    for (const kind of KINDS) copy.streams[kind].beat(copy.head, tail.sourceAgeMs(), clock.monotonic());
    bell.ring();
  };

  // While streams are being sent away they are still told what is new: these loops end with the feed.
  const untilTheEnd: Lifetime = { ...lifetime, stopping: lifetime.aborting };
  const common = { lifetime: untilTheEnd, clock, log, timer: metrics.timer('feed') };
  const polling = startLoop({
    ...common,
    name: 'poll',
    pauseMs: pollMs,
    backoff: { baseMs: pollMs, maxMs: 1_000 },
    runOnce: (signal) => tail.poll(signal),
  });
  const beating = startLoop({
    ...common,
    name: 'beat',
    pauseMs: heartbeatIntervalMs,
    runOnce: () => {
      beat();
      return Promise.resolve('idle');
    },
  });

  const { differing: found, audited: looked } = counts;
  const audit = openAudit({ db, tail, clock, log, rows: auditRows, found, looked });
  const auditing = startLoop({ ...common, name: 'audit', pauseMs: auditMs, runOnce: audit.runOnce });

  return {
    watch: (kind, request, signal) => watch(parts, kind, request, signal, () => counts.watching(kind)),
    list: (kind, request, signal) => listPage(parts, kind, request, AbortSignal.any([signal, stopping])),
    lookup(parkId, driverId) {
      if (!tail.copy) throw new FeedRefusal('SERVICE_DEGRADED');
      return tail.copy.image.factsOf(parkId, driverId);
    },
    lookupId(parkId, driverId) {
      if (!tail.copy) throw new FeedRefusal('SERVICE_DEGRADED');
      return tail.copy.image.idOf(parkId, driverId);
    },
    setPolicy(message) {
      policy = policyFrame(message);
      bell.ring();
    },
    head: () => tail.copy?.head ?? 0,
    sourceAgeMs: () => tail.sourceAgeMs(),
    notReady: () => (tail.copy ? null : 'the feed has not loaded its copy of the database yet'),
    async [Symbol.asyncDispose]() {
      await Promise.all([polling, beating, auditing].map((loop) => loop[Symbol.asyncDispose]()));
    },
  };
}
