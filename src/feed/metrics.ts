import type { StreamKind } from '../domain/cursor.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { ChangeTail, ReloadReason } from './change-tail.ts';
import { KINDS } from './copy.ts';
import type { Watched } from './watch.ts';

export type FeedMetrics = {
  reloaded(reason: ReloadReason): void;
  /** What the audit found to differ, in rows (or sums). */
  differing(what: string, count: number): void;
  /** Rows that the audit compared. */
  audited(rows: number): void;
  /** Counts a watcher as long as it watches, and its frames. */
  watching(kind: StreamKind): Watched;
};

/** The feed's gauges and counters, read from the tail at each scrape. */
export function openFeedMetrics(metrics: Metrics, tailOf: () => ChangeTail): FeedMetrics {
  const stream = ['stream'] as const;
  metrics.gauge('feed_head_seq', 'The newest commit in the copy', [], (gauge) => gauge.set(tailOf().copy?.head ?? 0));
  metrics.gauge('feed_source_age_seconds', 'The copy is at most this old; -1 before the first load', [], (gauge) => {
    const ageMs = tailOf().sourceAgeMs();
    gauge.set(Number.isFinite(ageMs) ? ageMs / 1_000 : -1);
  });
  metrics.gauge('feed_records', 'Live records', stream, (gauge) => {
    for (const kind of KINDS) gauge.set({ stream: kind }, tailOf().copy?.streams[kind].count ?? 0);
  });
  const watchers = metrics.gauge('feed_watchers', 'Open streams', stream);
  const frames = metrics.counter('feed_frames_total', 'Frames sent', stream);
  const bytes = metrics.counter('feed_bytes_total', 'Bytes sent', stream);
  const reloads = metrics.counter('feed_reloads_total', 'The copy had to be loaded anew', ['reason'] as const);

  const audited = metrics.counter('feed_audited_rows_total', 'Rows compared with the database by the audit');
  const what = ['what'] as const;
  const differing = metrics.counter(
    'feed_differences_total',
    'Rows in which the copy differed from the database',
    what,
  );

  return {
    differing: (what, count) => differing.inc({ what }, count),
    audited: (rows) => audited.inc(rows),
    reloaded: (reason) => reloads.inc({ reason }),
    watching(kind) {
      const [frameCount, byteCount] = [frames.labels(kind), bytes.labels(kind)];
      watchers.inc({ stream: kind });
      return {
        sent(frame) {
          frameCount.inc();
          byteCount.inc(frame.length);
        },
        end: () => watchers.dec({ stream: kind }),
      };
    },
  };
}
