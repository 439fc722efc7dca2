import { crossings, type Position, type Ring, showPosition as show } from './ring-crossings.ts';
import { sharedArea, sizeOf } from './shared-area.ts';

export type { Position, Ring } from './ring-crossings.ts';

/** A polygon as GeoJSON has it: its outer ring, then its holes. */
export type Polygon = readonly Ring[];

/** The part of the world in which regions lie, in degrees. */
export type Bounds = { west: number; south: number; east: number; north: number };

/** Enough to see what is wrong. */
const MAX_PROBLEMS = 10;

/** Everything that is wrong with the polygons of a region, in words; nothing if they are an area. Points and edges are counted from 1. Pure. */
export function problemsOfPolygons(polygons: readonly Polygon[], bounds: Bounds): string[] {
  const problems = [...placeProblems(polygons, bounds)];
  const rings = polygons.flatMap((polygon, p) => polygon.map((ring, r) => ({ ring, name: nameOf(p, r, polygons) })));
  for (const { ring, name } of rings) problems.push(...shapeProblems(ring).map((text) => `${name}: ${text}`));
  // What follows is said of rings alone that are some.
  if (problems.length === 0) problems.push(...crossings(rings, MAX_PROBLEMS));
  if (problems.length === 0) problems.push(...nestings(polygons));
  const more = problems.length - MAX_PROBLEMS;
  return more > 0 ? [...problems.slice(0, MAX_PROBLEMS), `and ${more} more`] : problems;
}

function nameOf(polygon: number, ring: number, polygons: readonly Polygon[]): string {
  const within = polygons.length > 1 ? `polygon ${polygon + 1}, ` : '';
  return ring === 0 ? `${within}outer ring` : `${within}hole ${ring}`;
}

/** Points off the globe or outside the bounds, and whether longitude and latitude seem to have changed places. */
function placeProblems(polygons: readonly Polygon[], bounds: Bounds): string[] {
  const points = polygons.flat(2);
  if (points.length === 0) return ['an area needs at least one ring'];
  const isOn = ([lon, lat]: Position) => Math.abs(lon) <= 180 && Math.abs(lat) <= 90;
  const isIn = ([lon, lat]: Position) =>
    lon >= bounds.west && lon <= bounds.east && lat >= bounds.south && lat <= bounds.north;
  if (points.every(isIn)) return [];
  const off = points.filter((point) => !isOn(point));
  const out = off.length > 0 ? off : points.filter((point) => !isIn(point));
  const { west, south, east, north } = bounds;
  const where =
    off.length > 0 ? 'off the globe' : `outside ${west}..${east} E, ${south}..${north} N (regions in service.json)`;
  const isSwapped = points.every(([lon, lat]) => isIn([lat, lon]));
  return [
    `${out.length} of ${points.length} points lie ${where}, the first of them at ${show(out[0]!)}`,
    ...(isSwapped ? ['longitude and latitude seem to have changed places: GeoJSON has the longitude first'] : []),
  ];
}

function shapeProblems(ring: Ring): string[] {
  const [first, last] = [ring[0], ring.at(-1)];
  if (!first || !last || ring.length < 4)
    return [`has ${ring.length} points; it needs at least four, of which the last is the first again`];
  if (!isSame(first, last)) return [`is not closed: it begins at ${show(first)} and ends at ${show(last)}`];
  const problems: string[] = [];
  const seen = new Map<string, number>();
  for (const [i, point] of ring.slice(0, -1).entries()) {
    const before = seen.get(point.join());
    if (before === i - 1) problems.push(`points ${i} and ${i + 1} are the same (${show(point)})`);
    else if (before !== undefined)
      problems.push(`touches itself: points ${before + 1} and ${i + 1} are the same (${show(point)})`);
    seen.set(point.join(), i);
  }
  return problems;
}

/** Below that it is the last digit of a coordinate. */
const NOTHING_SQUARE_METERS = 1;

/**
 * Holes that are not in their polygon or share area with another, and polygons that share area: by the rule of even and odd the one would add area, the
 * other take it away.
 */
function nestings(polygons: readonly Polygon[]): string[] {
  const problems: string[] = [];
  const share = (one: Polygon, other: Polygon) => sharedArea([one], [other]).squareMeters > NOTHING_SQUARE_METERS;
  for (const [p, [outer = [], ...holes]] of polygons.entries()) {
    const name = (hole: number) => nameOf(p, hole + 1, polygons);
    for (const [h, hole] of holes.entries()) {
      const size = sizeOf(hole);
      const outside = size - sharedArea([[hole]], [[outer]]).squareMeters;
      if (outside > NOTHING_SQUARE_METERS + size * 1e-9) problems.push(`${name(h)} lies outside its outer ring`);
      for (const [g, other] of holes.slice(0, h).entries())
        if (areNear(hole, other) && share([hole], [other])) problems.push(`${name(g)} and ${name(h)} share area`);
    }
    for (const [q, other] of polygons.slice(0, p).entries()) {
      const isShared = areNear(outer, other[0] ?? []) && share(polygons[p]!, other);
      if (isShared) problems.push(`polygon ${q + 1} and polygon ${p + 1} share area`);
    }
  }
  return problems;
}

function areNear(one: Ring, other: Ring): boolean {
  const [a, b] = [boxOf(one), boxOf(other)];
  return a.west < b.east && b.west < a.east && a.south < b.north && b.south < a.north;
}

function boxOf(ring: Ring): Bounds {
  const box = { west: Infinity, south: Infinity, east: -Infinity, north: -Infinity };
  for (const [lon, lat] of ring) {
    box.west = Math.min(box.west, lon);
    box.east = Math.max(box.east, lon);
    box.south = Math.min(box.south, lat);
    box.north = Math.max(box.north, lat);
  }
  return box;
}

function isSame(a: Position, b: Position): boolean {
  return a[0] === b[0] && a[1] === b[1];
}
