import type { Point } from '../domain/region.ts';
import type { DriverPosition } from './trackstory.ts';

/** Where a profile was, and when; ms since 1970. */
export type NewestPosition = { point: Point; at: number };

/** Clocks differ. */
const CLOCKS_MS = 60_000;

/** The newest position of each profile, under park_id/driver_id. What was said too long ago or from the future is told and left out. */
export function newestPositions(
  positions: readonly DriverPosition[],
  { now, maxAgeMs, told }: { now: number; maxAgeMs: number; told(oddity: 'old' | 'in_future'): void },
): Map<string, NewestPosition> {
  const fresh = new Map<string, NewestPosition>();
  for (const { parkId, driverId, point, recordedAt } of positions) {
    const at = recordedAt.getTime();
    if (now - at > maxAgeMs) told('old');
    else if (at - now > CLOCKS_MS) told('in_future');
    else {
      const key = `${parkId}/${driverId}`;
      if (at > (fresh.get(key)?.at ?? Number.NEGATIVE_INFINITY)) fresh.set(key, { point, at });
    }
  }
  return fresh;
}
