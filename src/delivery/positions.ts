import type { Trackstory } from '../clients/trackstory.ts';
import { type Positions, profileKey } from '../domain/eligibility.ts';
import type { Point } from '../domain/region.ts';
import type { OwnedProfile } from '../domain/report.ts';
import type { Log } from '../runtime/log.ts';

/**
 * Fresh positions of profiles, in bulk. What trackstory does not know, said too long ago, or did not answer is unknown, and unknown
 * decides nothing: the accounts wait and are counted as waiting.
 */
export async function freshPositions(
  trackstory: Trackstory,
  profiles: readonly OwnedProfile[],
  { now, maxAgeMs, log, signal }: { now: Date; maxAgeMs: number; log: Log; signal: AbortSignal },
): Promise<Positions> {
  const fresh = new Map<string, Point>();
  if (profiles.length === 0) return fresh;
  try {
    for (const position of await trackstory.positions(profiles, signal)) {
      const ageMs = now.getTime() - position.recordedAt.getTime();
      if (ageMs <= maxAgeMs && ageMs >= -60_000) fresh.set(profileKey(position), position.point);
    }
  } catch (err) {
    log.warn({ err, profiles: profiles.length }, 'no positions');
  }
  return fresh;
}
