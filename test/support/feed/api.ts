import { createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { DiagnosticsService } from '../../../gen/deptrans/v1/diagnostics_pb.ts';
import { IncrementalUpdatesService } from '../../../gen/deptrans/v1/incremental_updates_pb.ts';
import { openDiagnosticsService } from '../../../src/api/diagnostics-service.ts';
import { openIncrementalUpdatesService } from '../../../src/api/incremental-updates-service.ts';
import { openWatchFrames } from '../../../src/api/watch-frames.ts';
import type { Auth } from '../../../src/auth/auth.ts';
import type { Feed, FeedOptions } from '../../../src/feed/feed.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { ListenerLimits } from '../../../src/runtime/listener.ts';
import type { Db } from '../../../src/store/database.ts';
import { type Edge, openEdge, WHOEVER_MAY } from '../edge.ts';
import { observing, TEXTS } from '../policy.ts';
import { openTestFeed, type TestFeed } from './open-test-feed.ts';

export const REGIONS = [
  { id: 'moscow', on: true, tariffs: ['econom', 'business'] },
  { id: 'tver', on: true, tariffs: ['econom'] },
  { id: 'omsk', on: false, tariffs: ['econom'] },
];

export type FeedApi = AsyncDisposable & {
  readonly feed: TestFeed;
  readonly edge: Edge;
  readonly url: string;
  readonly updates: ReturnType<typeof clientsOf>['updates'];
  readonly diagnostics: ReturnType<typeof clientsOf>['diagnostics'];
};

/** The feed's two services on a port of their own, over a database. */
export async function openFeedApi(
  db: Db,
  options: Partial<FeedOptions> = {},
  listenerLimits: Partial<ListenerLimits> = {},
  auth: Auth = WHOEVER_MAY,
  inForce = () => observing(REGIONS),
): Promise<FeedApi> {
  const feed = await openTestFeed(db, options);
  feed.setPolicy(inForce().message);
  const frames = openWatchFrames({ feed, regions: REGIONS });
  const edge = await openEdge(servicesOf(feed, inForce), { lifetime: feed.lifetime, frames, listenerLimits, auth });
  return {
    feed,
    edge,
    url: edge.url,
    ...clientsOf(createGrpcTransport({ baseUrl: edge.url })),
    async [Symbol.asyncDispose]() {
      feed.lifetime.abort();
      await edge.close(0);
      await feed[Symbol.asyncDispose]();
    },
  };
}

export function servicesOf(feed: Feed, inForce = () => observing(REGIONS)) {
  return {
    incrementalUpdates: openIncrementalUpdatesService({ feed, regions: REGIONS }),
    diagnostics: openDiagnosticsService({ feed, inForce, texts: TEXTS, clock: systemClock }),
  };
}

export function clientsOf(transport: Transport) {
  return {
    updates: createClient(IncrementalUpdatesService, transport),
    diagnostics: createClient(DiagnosticsService, transport),
  };
}
