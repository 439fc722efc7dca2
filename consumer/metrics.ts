import type { Policy } from '../verdict/verdict.ts';
import type { Checks } from './checks.ts';
import type { Copy } from './copy.ts';
import type { Feed } from './feed.ts';
import type { Following } from './follow.ts';
import type { Hooks } from './hooks.ts';
import { CHUNK_ROWS, ROW_BYTES } from './rows.ts';
import type { Upkeep } from './upkeep.ts';

export type Metered = {
  copy: Copy;
  policy: Policy;
  checks: Checks;
  hooks: Hooks;
  feeds: readonly { feed: Feed; following: Following }[];
  upkeep: Upkeep | null;
};

/** Everything that is counted, as plain numbers. Names end in `_total` where they only grow. */
export function metricsOf({ copy, policy, checks, hooks, feeds, upkeep }: Metered): Record<string, number> {
  const metrics: Record<string, number> = {
    checks_total: checks.count,
    checks_unknown_total: checks.unknown,
    check_failures_total: checks.failures,
    hook_failures_total: hooks.failures,
    policy_version: policy.version,
    policy_suspended: policy.suspended ? 1 : 0,
    profiles: copy.rows.count,
    bytes: copy.rows.chunks.length * CHUNK_ROWS * ROW_BYTES + copy.index.bytes,
    damaged_rows_total: upkeep?.inspector.damaged ?? 0,
    misadded_buckets_total: upkeep?.inspector.misadded ?? 0,
    mending_failures_total: upkeep?.mender.failures ?? 0,
    dumps_written_total: upkeep?.dumps?.counts.written ?? 0,
    dump_failures_total: upkeep?.dumps?.counts.failures ?? 0,
    dump_loaded_profiles: upkeep?.dumps?.counts.loadedRows ?? 0,
  };
  for (const { feed, following } of feeds) {
    const { kind, counts } = feed;
    metrics[`${kind}_records`] = copy.digests[kind].count;
    metrics[`${kind}_age_ms`] = feed.ageMs;
    metrics[`${kind}_through_seq`] = feed.position;
    metrics[`${kind}_connected`] = following.isConnected ? 1 : 0;
    metrics[`${kind}_connects_total`] = following.connects;
    metrics[`${kind}_stream_failures_total`] = following.failures;
    for (const [name, value] of Object.entries(counts)) metrics[`${kind}_${name}_total`] = value;
  }
  return metrics;
}

/** The same in the text form that Prometheus reads. */
export function metricsText(metrics: Readonly<Record<string, number>>, prefix = 'deptrans_driver_cache'): string {
  const lines = Object.entries(metrics).flatMap(([name, value]) => {
    const told = Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
    const type = name.endsWith('_total') ? 'counter' : 'gauge';
    return [`# TYPE ${prefix}_${name} ${type}`, `${prefix}_${name} ${told}`];
  });
  return `${lines.join('\n')}\n`;
}
