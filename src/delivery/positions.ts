import type { Trackstory } from '../clients/trackstory.ts';
import { type Positions, profileKey } from '../domain/eligibility.ts';
import type { Point } from '../domain/region.ts';
import type { OwnedProfile } from '../domain/report.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';

type FreshOptions = { now: Date; maxAgeMs: number; log: Log; metrics: Metrics; signal: AbortSignal };

/** Clocks differ. */
const CLOCKS_MS = 60_000;

/**
 * Fresh positions of profiles, in bulk. What trackstory does not know, said too long ago or from the future (both are counted), or did not answer is unknown, and unknown
 * decides nothing: the accounts wait and are counted as waiting.
 */
export async function freshPositions(
  trackstory: Trackstory,
  profiles: readonly OwnedProfile[],
  { now, maxAgeMs, log, metrics, signal }: FreshOptions,
): Promise<Positions> {
  const fresh = new Map<string, Point>();
  const newest = new Map<string, number>();
  const odd = metrics.counter('oddities_total', 'What others said that cannot be true', ['of', 'what'] as const);
  if (profiles.length === 0) return fresh;
  try {
    for (const position of await trackstory.positions(profiles, signal)) {
      const key = profileKey(position);
      const at = position.recordedAt.getTime();
      const ageMs = now.getTime() - at;
      if (ageMs > maxAgeMs) odd.inc({ of: 'trackstory', what: 'old' });
      else if (ageMs < -CLOCKS_MS) odd.inc({ of: 'trackstory', what: 'in_future' });
      else if (at > (newest.get(key) ?? Number.NEGATIVE_INFINITY)) {
        newest.set(key, at);
        fresh.set(key, position.point);
      }
    }
  } catch (err) {
    log.warn({ err, profiles: profiles.length }, 'no positions');
  }
  return fresh;
}
