import { type DriverCache, openDriverCache } from '../../consumer/driver-cache.ts';
import type { Bearer } from '../bearer.ts';
import { sendJson } from '../http/exchange.ts';
import { serve } from '../http/serve.ts';
import { copyOf } from './copy-of.ts';

/**
 * A subscriber as the platform has dozens of: the library's driver cache, and its copy to look at. `GET /copy` gives all records of both feeds as
 * arrays (proto field names), `GET /lag` how fresh they are.
 */
export type Subscriber = AsyncDisposable & {
  readonly url: string;
  readonly cache: DriverCache;
  lag(): Lag;
  close(): Promise<void>;
};

export type Lag = { state: string; ids: FeedLag; statuses: FeedLag };

/** `lagMs`: the copy equals the database as it was at most so long ago, whether a stream is up or not; null if there is no copy yet. */
export type FeedLag = {
  connected: boolean;
  connects: number;
  snapshots: number;
  resets: number;
  records: number;
  throughSeq: number;
  lagMs: number | null;
  /** What the feed promised and did not keep: holes between frames, records out of order. */
  violations: number;
  /** Buckets of the digest in which the copy differed from the service. */
  mismatches: number;
};

type SubscriberOptions = { serviceUrl: string; port: number; bearer?: Bearer | null };

export async function openSubscriber({ serviceUrl, port, bearer = null }: SubscriberOptions): Promise<Subscriber> {
  const cache = await openDriverCache({
    endpoints: [serviceUrl],
    reconnect: { maxMs: 3_000 },
    ...(bearer && { token: bearer }),
  });
  const lag = () => lagOf(cache);
  const server = await serve(
    (call) => {
      if (call.path === '/copy') sendJson(call, 200, copyOf(cache));
      else if (call.path === '/lag') sendJson(call, 200, lag());
      else sendJson(call, 404, { paths: ['/copy', '/lag'] });
      return Promise.resolve();
    },
    { port },
  );
  const close = async () => {
    await cache.close();
    await server.close();
  };
  return { url: server.url, cache, lag, close, [Symbol.asyncDispose]: close };
}

function lagOf(cache: DriverCache): Lag {
  const metrics = cache.metrics();
  const feed = (kind: 'ids' | 'statuses'): FeedLag => {
    const figure = (name: string) => metrics[`${kind}_${name}`] ?? 0;
    const ageMs = figure('age_ms');
    return {
      connected: figure('connected') === 1,
      connects: figure('connects_total'),
      snapshots: figure('snapshots_total'),
      resets: figure('resets_total'),
      records: figure('records'),
      throughSeq: figure('through_seq'),
      lagMs: Number.isFinite(ageMs) ? Math.round(ageMs) : null,
      violations: figure('violations_total'),
      mismatches: figure('mismatches_total'),
    };
  };
  return { state: cache.state, ids: feed('ids'), statuses: feed('statuses') };
}
