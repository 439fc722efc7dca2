import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readRegions } from '../src/config-regions.ts';
import { limitsSchema } from '../src/config-schema.ts';

const BOUNDS = limitsSchema.parse({}).regions;

type Point = [number, number];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'deptrans-regions-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const rules = { on: true, tariffs: ['econom'], exitBufferMeters: 2_000, dwellMs: 0 };

function write(id: string, geometry: object, more: object = {}): void {
  writeFileSync(join(folder, `${id}.geojson`), JSON.stringify({ type: 'Feature', geometry }));
  writeFileSync(join(folder, `${id}.json`), JSON.stringify({ ...rules, id, area: `${id}.geojson`, ...more }));
}

const polygon = (...rings: Point[][]) => ({ type: 'Polygon', coordinates: rings });
const square = (west: number, south: number, size = 1): Point[] => [
  [west, south],
  [west + size, south],
  [west + size, south + size],
  [west, south + size],
  [west, south],
];

function problems(regulators?: string[]): string[] {
  const told: string[] = [];
  readRegions(folder, BOUNDS, told, regulators);
  return told;
}

test('the shipped regions are good, and a ring that is Moscow with its points swapped is not', () => {
  cpSync(join(import.meta.dirname, '../config/regions'), folder, { recursive: true });
  const told: string[] = [];
  const regions = readRegions(folder, BOUNDS, told);
  expect(told).toEqual([]);
  expect(regions.map(({ id, timeZone, regulator }) => [id, timeZone, regulator])).toEqual([
    ['moscow', 'Europe/Moscow', 'moscow'],
  ]);
  const swapped = regions[0]!.area.rings[0]!.map(([lon, lat]): Point => [lat, lon]);
  write('moscow', polygon(swapped));
  expect(problems()).toEqual([
    expect.stringMatching(
      /^regions\/moscow\.geojson: 360 of 360 points lie outside 19\.\.180 E, 41\.\.82 N .*first of them at 55\.96, 35\.1713$/,
    ),
    'regions/moscow.geojson: longitude and latitude seem to have changed places: GeoJSON has the longitude first',
  ]);
});

const BOW: Point[] = [
  [37, 55],
  [38, 56],
  [38, 55],
  [37, 56],
  [37, 55],
];

test('regions that are on may meet and not overlap', () => {
  write('a', polygon(square(37, 55)));
  write('b', polygon(square(38, 55)));
  write('c', polygon(square(37, 56)), { on: false });
  expect(problems()).toEqual([]);
  write('c', polygon(square(37.5, 55.5)));
  expect(problems()).toEqual([
    expect.stringMatching(/^regions: a and c are both on and share 1\d{3} km² around 37\.7, 55\.7$/),
    expect.stringMatching(/^regions: b and c are both on and share 1\d{3} km² around 38\.2, 55\.7$/),
  ]);
  write('c', polygon(square(37.5, 55.5)), { on: false });
  write('d', polygon(square(37, 55)));
  expect(problems()).toEqual([expect.stringMatching(/^regions: a and d are both on and share 7\d{3} km²/)]);
});

test('everything that is wrong with all of them is told at once', () => {
  write('a', polygon(BOW), { timeZone: 'Moscow time' });
  write('b', polygon(square(55, 37)), { regulator: 'tver' });
  write('c', polygon(square(37, 55)), { tariffs: [] });
  write('d', polygon(BOW.slice(0, 4)));
  write('e', polygon(square(55, 37)));
  writeFileSync(join(folder, 'f.json'), '{');
  const told = problems();
  for (const [file, what] of [
    ['a.json', 'timeZone: a time zone of the IANA database'],
    ['b.json', 'regulator: no adapter has this name, only moscow: '],
    ['c.json', 'tariffs: '],
    ['d.geojson', 'is not closed'],
    ['e.geojson', 'changed places'],
    ['f.json', 'is not JSON'],
  ])
    expect(told.filter((text) => text.startsWith(`regions/${file}: `)).join('\n'), file).toContain(what);
});

test('regions of two regulators are refused, with what each service needs for itself, and where that is described', () => {
  write('a', polygon(square(37, 55)));
  write('b', polygon(square(39, 55)), { regulator: 'second' });
  write('c', polygon(square(41, 55)), { regulator: 'second', on: false });
  const [told, ...others] = problems(['moscow', 'second']);
  expect(told).toContain('they name moscow (a) and second (b, c): give each a service of its own');
  for (const own of ['CONFIG_DIR', 'DATABASE_URL', 'REGULATOR_URL', 'intake.groupId']) expect(told).toContain(own);
  const [, file, title] = /\((\S+), "(.+)"\)$/.exec(told!)!;
  expect(readFileSync(join(import.meta.dirname, '..', file!), 'utf8')).toContain(`\n## ${title}\n`);
  expect(others).toEqual([]);
  expect(problems()).toHaveLength(2); // with no adapter for the second one, that alone is told
});
