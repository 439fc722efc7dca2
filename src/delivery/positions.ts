import { newestPositions } from '../clients/newest-positions.ts';
import type { Trackstory } from '../clients/trackstory.ts';
import type { Positions } from '../domain/eligibility.ts';
import type { Point } from '../domain/region.ts';
import type { OwnedProfile } from '../domain/report.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';

type FreshOptions = { now: Date; maxAgeMs: number; log: Log; metrics: Metrics; signal: AbortSignal };

/**
 * Fresh positions of profiles, in bulk. What trackstory does not know, said too long ago or from the future (both are counted), or did not answer is unknown, and unknown
 * decides nothing: the accounts wait and are counted as waiting.
 */
export async function freshPositions(
  trackstory: Trackstory,
  profiles: readonly OwnedProfile[],
  { now, maxAgeMs, log, metrics, signal }: FreshOptions,
): Promise<Positions> {
  const odd = metrics.counter('oddities_total', 'What others said that cannot be true', ['of', 'what'] as const);
  const told = (what: string) => odd.inc({ of: 'trackstory', what });
  if (profiles.length === 0) return new Map();
  try {
    const said = await trackstory.positions(profiles, signal);
    const positions = new Map<string, Point>();
    const newest = newestPositions(said, { now: now.getTime(), maxAgeMs, told });
    for (const [key, { point }] of newest) positions.set(key, point);
    return positions;
  } catch (err) {
    log.warn({ err, profiles: profiles.length }, 'no positions');
  }
  return new Map();
}
