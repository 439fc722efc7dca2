import { setImmediate } from 'node:timers/promises';
import type { Trackstory } from '../clients/trackstory.ts';
import type { Point } from '../domain/region.ts';
import type { Census } from './census.ts';

export type PlaceLimits = {
  /** People who are asked about at once. */
  placesPerRound: number;
  /** A place is asked for again after so long. */
  placeMs: number;
  /** A position older than this says nothing. */
  positionMaxAgeMs: number;
};

/** People who are judged before others get their turn. */
const SLICE = 500;
/** Clocks differ. */
const CLOCKS_MS = 60_000;

/**
 * Asks trackstory where people are of whom nobody else knows it, so many at once, and each again after a while. Returns for how many it asked. If
 * trackstory does not answer they stay where they were found last, and the error is thrown.
 */
export async function findPlaces(
  census: Census,
  trackstory: Trackstory,
  { placesPerRound, placeMs, positionMaxAgeMs }: PlaceLimits,
  now: () => number,
  signal: AbortSignal,
): Promise<number> {
  const asked = now();
  const wanted = census.wanted(placesPerRound, asked - placeMs, asked);
  if (wanted.length === 0) return 0;
  const positions = await trackstory.positions(
    wanted.flatMap(({ profiles }) => profiles),
    signal,
  );
  const known = new Map<string, { point: Point; at: number }>();
  for (const { parkId, driverId, point, recordedAt } of positions) {
    const at = recordedAt.getTime();
    if (asked - at > positionMaxAgeMs || at - asked > CLOCKS_MS) continue;
    const key = `${parkId}/${driverId}`;
    if (at > (known.get(key)?.at ?? Number.NEGATIVE_INFINITY)) known.set(key, { point, at });
  }
  for (const [i, { no, profiles }] of wanted.entries()) {
    if (i % SLICE === SLICE - 1) await setImmediate();
    const found = profiles.flatMap(({ parkId, driverId }) => known.get(`${parkId}/${driverId}`) ?? []);
    const newest = found.reduce<{ point: Point; at: number } | null>((a, b) => (a && a.at >= b.at ? a : b), null);
    census.place(no, newest?.point ?? null, now());
  }
  return wanted.length;
}
