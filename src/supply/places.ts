import { setImmediate } from 'node:timers/promises';
import { type NewestPosition, newestPositions } from '../clients/newest-positions.ts';
import type { Trackstory } from '../clients/trackstory.ts';
import type { Census } from './census.ts';

export type PlaceLimits = {
  /** People who are asked about at once. */
  placesPerRound: number;
  /** A position older than this says nothing. */
  positionMaxAgeMs: number;
};

/** People who are judged before others get their turn. */
const SLICE = 500;

/**
 * Asks trackstory where people are of whom nobody else knows it, so many at once, and each again after a while. Returns for how many it asked. If
 * trackstory does not answer they stay where they were found last, and the error is thrown.
 */
export async function findPlaces(
  census: Census,
  trackstory: Trackstory,
  { placesPerRound, positionMaxAgeMs }: PlaceLimits,
  { now, told }: { now(): number; told(oddity: string): void },
  signal: AbortSignal,
): Promise<number> {
  const asked = now();
  const wanted = census.wanted(placesPerRound, asked);
  if (wanted.length === 0) return 0;
  const positions = await trackstory.positions(
    wanted.flatMap(({ profiles }) => profiles),
    signal,
  );
  const known = newestPositions(positions, { now: asked, maxAgeMs: positionMaxAgeMs, told });
  for (const [i, { no, profiles }] of wanted.entries()) {
    if (i % SLICE === SLICE - 1) await setImmediate();
    let newest: NewestPosition | null = null;
    for (const { parkId, driverId } of profiles) {
      const found = known.get(`${parkId}/${driverId}`);
      if (found && !(newest && newest.at >= found.at)) newest = found;
    }
    census.place(no, newest?.point ?? null, now());
  }
  return wanted.length;
}
