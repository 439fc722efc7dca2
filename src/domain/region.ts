/** A region: an area with its own rules. */
export type Region = {
  id: string;
  /** Off: nobody is reported; whoever is open is closed. */
  on: boolean;
  /** A driver counts who works by at least one of them. */
  tariffs: readonly string[];
  area: Area;
  /** A driver who left is outside only beyond this distance … */
  exitBufferMeters: number;
  /** … and only after this long. */
  dwellMs: number;
  /** Of the IANA database, by which people there live; for texts alone. Absent from rules of earlier versions. */
  timeZone?: string;
};

/** The rules of reporting in force. */
export type Rules = { version: number; regions: readonly Region[] };

export type Point = { lon: number; lat: number };

/** Rings of [lon, lat] in degrees, WGS 84; even-odd, so holes are rings too. With the box around them. */
export type Area = { rings: readonly (readonly (readonly [number, number])[])[]; box: Box };
type Box = { west: number; south: number; east: number; north: number };

const METERS_PER_DEGREE = 111_195; // of latitude, on a sphere of 6,371 km

/** Makes an area of rings. Throws RangeError if a ring is open, too short, or leaves the globe (swapped coordinates often do). */
export function areaOf(rings: Area['rings']): Area {
  if (rings.length === 0) throw new RangeError('An area needs at least one ring.');
  const box = { west: Infinity, south: Infinity, east: -Infinity, north: -Infinity };
  for (const ring of rings) {
    const [first, last] = [ring[0], ring.at(-1)];
    if (!first || !last || ring.length < 4 || first[0] !== last[0] || first[1] !== last[1]) {
      throw new RangeError('A ring needs at least four points and ends where it begins.');
    }
    for (const [lon, lat] of ring) {
      if (!(Math.abs(lon) <= 180 && Math.abs(lat) <= 90)) throw new RangeError('A point lies outside the globe.');
      box.west = Math.min(box.west, lon);
      box.east = Math.max(box.east, lon);
      box.south = Math.min(box.south, lat);
      box.north = Math.max(box.north, lat);
    }
  }
  return { rings, box };
}

/** Whether the point is inside (ray casting, even-odd rule). */
export function contains({ rings, box }: Area, { lon, lat }: Point): boolean {
  if (lon < box.west || lon > box.east || lat < box.south || lat > box.north) return false;
  let inside = false;
  for (const ring of rings) {
    for (let i = 1; i < ring.length; i++) {
      const a = ring[i - 1]!;
      const b = ring[i]!;
      if (a[1] > lat === b[1] > lat) continue;
      if (lon < ((b[0] - a[0]) * (lat - a[1])) / (b[1] - a[1]) + a[0]) inside = !inside;
    }
  }
  return inside;
}

/**
 * Whether the point is inside or at most `meters` away from the border. Distances are taken on a plane tangent at the point
 * (equirectangular projection), good to 1 % for the tens of kilometres at which a border matters.
 */
export function isWithin(area: Area, point: Point, meters: number): boolean {
  if (contains(area, point)) return true;
  const lonScale = METERS_PER_DEGREE * Math.cos((point.lat * Math.PI) / 180);
  const { box } = area;
  const away = Math.max(
    (box.west - point.lon) * lonScale,
    (point.lon - box.east) * lonScale,
    (box.south - point.lat) * METERS_PER_DEGREE,
    (point.lat - box.north) * METERS_PER_DEGREE,
  );
  if (away > meters) return false;
  const limit = meters * meters;
  for (const ring of area.rings) {
    for (let i = 1; i < ring.length; i++) {
      const [ax, ay] = planar(ring[i - 1]!, point, lonScale);
      const [bx, by] = planar(ring[i]!, point, lonScale);
      if (squaredDistanceToOrigin(ax, ay, bx, by) <= limit) return true;
    }
  }
  return false;
}

function planar([lon, lat]: readonly [number, number], origin: Point, lonScale: number): [number, number] {
  return [(lon - origin.lon) * lonScale, (lat - origin.lat) * METERS_PER_DEGREE];
}

function squaredDistanceToOrigin(ax: number, ay: number, bx: number, by: number): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.min(1, Math.max(0, -(ax * dx + ay * dy) / length));
  const [x, y] = [ax + t * dx, ay + t * dy];
  return x * x + y * y;
}
