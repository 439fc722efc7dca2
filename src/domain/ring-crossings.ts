/** Points in their order, the first of them again at the end. */
export type Ring = readonly Position[];
/** [longitude, latitude] in degrees. */
export type Position = readonly [number, number];

type Edge = { a: Position; b: Position; ring: number; no: number; last: number; west: number; east: number };
type NamedRing = { ring: Ring; name: string };

/**
 * Edges that cross or touch where they should not: within a ring any that are not neighbours, and neighbours that turn back; between rings those that cross.
 * A sweep from west to east over the edges' boxes, and the orientation test of segments (de Berg et al., Computational Geometry, chapter 2) on what is left.
 */
export function crossings(rings: readonly NamedRing[], most: number): string[] {
  const edges = rings.flatMap(({ ring }, r) => edgesOf(ring, r)).sort((x, y) => x.west - y.west);
  const found: string[] = [];
  for (const [i, one] of edges.entries()) {
    for (let j = i + 1; j < edges.length && edges[j]!.west <= one.east; j++) {
      const [x, y] = inOrder(one, edges[j]!);
      const contact = x.ring === y.ring ? contactOf(x, y) : crossingOf(x, y);
      if (!contact) continue;
      const [first, second] = [x, y].map(({ ring, no }) => `${rings[ring]!.name}, edge ${no + 1}`);
      found.push(`${first} and ${second} ${contact.what} at about ${showPosition(contact.at)}`);
      if (found.length > most) return found;
    }
  }
  return found;
}

function inOrder(x: Edge, y: Edge): [Edge, Edge] {
  return x.ring < y.ring || (x.ring === y.ring && x.no < y.no) ? [x, y] : [y, x];
}

function edgesOf(ring: Ring, no: number): Edge[] {
  return ring.slice(1).map((b, i) => {
    const a = ring[i]!;
    return { a, b, ring: no, no: i, last: ring.length - 2, west: Math.min(a[0], b[0]), east: Math.max(a[0], b[0]) };
  });
}

type Contact = { what: 'cross' | 'touch' | 'turn back on each other'; at: Position };

/** What two edges of one ring, in their order, do to each other that they should not. */
function contactOf(x: Edge, y: Edge): Contact | null {
  if (y.no - x.no === 1) return turnsBack(x.a, x.b, y.b) ? { what: 'turn back on each other', at: x.b } : null;
  if (x.no === 0 && y.no === y.last)
    return turnsBack(y.a, x.a, x.b) ? { what: 'turn back on each other', at: x.a } : null;
  const point = [x.a, x.b].find((end) => isOn(end, y)) ?? [y.a, y.b].find((end) => isOn(end, x));
  return point ? { what: 'touch', at: point } : crossingOf(x, y);
}

/** Which side of the line from a to b the point lies on: the sign; 0: on it. */
function side(a: Position, b: Position, c: Position): number {
  return Math.sign(cross(a, b, c));
}

function cross(a: Position, b: Position, c: Position): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/** Where two edges cross, each from one side of the other to the other. */
function crossingOf({ a, b }: Edge, { a: c, b: d }: Edge): Contact | null {
  if (side(a, b, c) * side(a, b, d) >= 0 || side(c, d, a) * side(c, d, b) >= 0) return null;
  const [fromC, fromD] = [cross(a, b, c), cross(a, b, d)];
  const share = fromC / (fromC - fromD);
  return { what: 'cross', at: [c[0] + share * (d[0] - c[0]), c[1] + share * (d[1] - c[1])] };
}

function isOn(point: Position, { a, b }: Edge): boolean {
  const isBetween = (i: 0 | 1) => point[i] >= Math.min(a[i], b[i]) && point[i] <= Math.max(a[i], b[i]);
  return side(a, b, point) === 0 && isBetween(0) && isBetween(1);
}

function turnsBack(a: Position, b: Position, c: Position): boolean {
  return side(a, b, c) === 0 && (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) < 0;
}

/** To about ten metres. */
export function showPosition([lon, lat]: Position): string {
  return `${round(lon)}, ${round(lat)}`;
}

function round(degrees: number): number {
  return Math.round(degrees * 1e4) / 1e4;
}
