import { intersection } from 'polyclip-ts';
import type { Position, Ring } from './ring-crossings.ts';

/** An outer ring, then its holes. */
type Polygon = readonly Ring[];

const METERS_PER_DEGREE = 111_195; // of latitude, on a sphere of 6,371 km

/** What two areas have in common: its size in square metres (0: nothing but borders), and a place in the largest piece. Pure. */
export function sharedArea(one: readonly Polygon[], other: readonly Polygon[]): { squareMeters: number; at: Position } {
  const pieces = intersection(mutable(one), mutable(other)).map(([outer = [], ...holes]) => ({
    outer,
    squareMeters: sizeOf(outer) - holes.reduce((sum, hole) => sum + sizeOf(hole), 0),
  }));
  const largest = pieces.reduce((a, b) => (b.squareMeters > a.squareMeters ? b : a), {
    outer: [] as Ring,
    squareMeters: 0,
  });
  return {
    squareMeters: pieces.reduce((sum, piece) => sum + piece.squareMeters, 0),
    at: middleOf(largest.outer),
  };
}

/**
 * The square metres of a ring; good to a per cent for a region: on a plane that is true to scale half-way between its
 * southernmost and northernmost points.
 */
export function sizeOf(ring: Ring): number {
  const lats = ring.map(([, lat]) => lat);
  const lat = (lats.reduce((a, b) => Math.min(a, b), 90) + lats.reduce((a, b) => Math.max(a, b), -90)) / 2;
  const scale = METERS_PER_DEGREE ** 2 * Math.cos((lat * Math.PI) / 180);
  const [x0, y0] = ring[0] ?? [0, 0];
  const doubled = ring.slice(1).reduce((sum, [x, y], i) => {
    const [px, py] = ring[i]!;
    return sum + (px - x0) * (y - y0) - (x - x0) * (py - y0);
  }, 0);
  return (Math.abs(doubled) / 2) * scale;
}

function middleOf(ring: Ring): Position {
  const n = Math.max(1, ring.length);
  return [ring.reduce((sum, [lon]) => sum + lon, 0) / n, ring.reduce((sum, [, lat]) => sum + lat, 0) / n];
}

function mutable(polygons: readonly Polygon[]): [number, number][][][] {
  return polygons.map((polygon) => polygon.map((ring) => ring.map(([lon, lat]): [number, number] => [lon, lat])));
}
