import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { openPreviews, type Supply } from '../../src/supply/supply.ts';
import type { Policy } from '../../verdict/verdict.ts';
import type { SupplyWorld } from './world.ts';

/** Previews on an instance of the world, whose rounds are made by hand. Policies are asked about as the verdict's own. */
export function openPreviewsIn({ db, clock }: SupplyWorld, { census }: Pick<Supply, 'census'>) {
  return openPreviews({
    db,
    census,
    policyOf: (stored) => stored as Policy,
    pollMs: 1_000_000_000,
    lifetime: openLifetime(),
    clock,
    log: openLog('silent'),
    metrics: openMetrics(clock),
  });
}
