import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Bounds, Polygon } from './domain/area-problems.ts';
import { problemsOfPolygons } from './domain/area-problems.ts';
import { areaOf, type Region } from './domain/region.ts';
import { showPosition } from './domain/ring-crossings.ts';
import { sharedArea } from './domain/shared-area.ts';

/** A region as it is configured. */
export type ConfiguredRegion = Region & {
  /** Whatever is stored, compared or sent is UTC. */
  timeZone: string;
  /** The regulator to whom the region's drivers are reported. */
  regulator: string;
};

/** The regulators that there are adapters for. */
export const REGULATORS = ['moscow'] as const;

const SECOND_CITY = 'docs/operating.md, "A second city"';

const makeRegionSchema = (regulators: readonly string[]) =>
  z.strictObject({
    id: z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/),
    on: z.boolean(),
    tariffs: z.array(z.string().min(1).max(64)).nonempty(),
    /** A GeoJSON file beside this one: a Polygon or MultiPolygon, WGS 84. */
    area: z.string().regex(/^[\w.-]+\.geojson$/),
    exitBufferMeters: z.number().min(0).max(100_000),
    dwellMs: z.number().int().min(0).max(86_400_000),
    timeZone: z.string().refine(isTimeZone, 'a time zone of the IANA database, such as Europe/Moscow').default('UTC'),
    regulator: z
      .enum(
        regulators,
        `no adapter has this name, only ${regulators.join(', ')}: a regulator that speaks the protocol of one of them goes by its name, in a service of its own (${SECOND_CITY})`,
      )
      .default('moscow'),
  });

const ring = z.array(z.tuple([z.number(), z.number()]));
const geometrySchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Polygon'), coordinates: z.array(ring).nonempty() }),
  z.object({ type: z.literal('MultiPolygon'), coordinates: z.array(z.array(ring).nonempty()).nonempty() }),
]);
const areaSchema = z.object({ type: z.literal('Feature'), geometry: geometrySchema });

/** Regions whose borders were drawn apart may share that much: a hectare. */
const SLIVER_SQUARE_METERS = 10_000;

type Placed = { region: ConfiguredRegion; polygons: readonly Polygon[] };

/**
 * Reads the regions of a folder: a JSON file each, with its area beside it. Whatever is wrong with any of them, and with them together, is added to
 * `problems`; then none of what is returned may be used. `bounds`: where regions may lie; `regulators`: whom they may name.
 */
export function readRegions(
  folder: string,
  bounds: Bounds,
  problems: string[],
  regulators: readonly string[] = REGULATORS,
): ConfiguredRegion[] {
  let names: string[];
  try {
    names = readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .sort();
  } catch {
    problems.push('regions: the folder cannot be read');
    return [];
  }
  const schema = makeRegionSchema(regulators);
  const placed = names.flatMap((name) => readRegion(folder, name, schema, bounds, problems) ?? []);
  problems.push(...togetherProblems(placed));
  return placed.map(({ region }) => region);
}

function readRegion(
  folder: string,
  name: string,
  schema: ReturnType<typeof makeRegionSchema>,
  bounds: Bounds,
  problems: string[],
): Placed | null {
  const region = read(schema, folder, name, problems);
  const feature = region && read(areaSchema, folder, region.area, problems);
  if (!region || !feature) return null;
  const { type, coordinates } = feature.geometry;
  const polygons: readonly Polygon[] = type === 'Polygon' ? [coordinates] : coordinates;
  const wrong = problemsOfPolygons(polygons, bounds);
  problems.push(...wrong.map((problem) => `regions/${region.area}: ${problem}`));
  return wrong.length > 0 ? null : { region: { ...region, area: areaOf(polygons.flat()) }, polygons };
}

/** What is wrong with good regions beside each other. */
function togetherProblems(placed: readonly Placed[]): string[] {
  const ids = placed.map(({ region }) => region.id);
  const twice = [...new Set(ids.filter((id, i) => ids.indexOf(id) < i))];
  const regulators = Map.groupBy(placed, ({ region }) => region.regulator);
  const named = [...regulators].map(([name, its]) => `${name} (${its.map(({ region }) => region.id).join(', ')})`);
  return [
    ...twice.map((id) => `regions: the id ${id} is used twice`),
    ...(regulators.size > 1
      ? [
          `regions: one service reports to one regulator, and they name ${named.join(' and ')}: give each a service of its own, with its own CONFIG_DIR, DATABASE_URL, REGULATOR_URL and intake.groupId (${SECOND_CITY})`,
        ]
      : []),
    ...overlaps(placed.filter(({ region }) => region.on)),
  ];
}

function overlaps(placed: readonly Placed[]): string[] {
  return placed.flatMap((one, i) =>
    placed.slice(i + 1).flatMap((other) => {
      if (!areNear(one.region, other.region)) return [];
      const { squareMeters, at } = sharedArea(one.polygons, other.polygons);
      if (squareMeters <= SLIVER_SQUARE_METERS) return [];
      const size = (squareMeters / 1e6).toFixed(squareMeters < 1e7 ? 2 : 0);
      return [
        `regions: ${one.region.id} and ${other.region.id} are both on and share ${size} km² around ${showPosition(at)}`,
      ];
    }),
  );
}

function areNear({ area: { box: a } }: Region, { area: { box: b } }: Region): boolean {
  return a.west < b.east && b.west < a.east && a.south < b.north && b.south < a.north;
}

function read<T extends z.ZodType>(schema: T, folder: string, name: string, problems: string[]): z.infer<T> | null {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  } catch (error) {
    problems.push(`regions/${name}: ${error instanceof SyntaxError ? 'is not JSON' : 'cannot be read'}`);
    return null;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues)
    problems.push(`regions/${name}: ${path.join('.')}${path.length > 0 ? ': ' : ''}${message}`);
  return null;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return /^(UTC|[A-Z][\w+-]*(\/[\w+-]+)+)$/.test(name);
  } catch {
    return false;
  }
}
