import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { areaOf, contains, isWithin } from '../../src/domain/region.ts';

const file = join(import.meta.dirname, '../../config/regions/moscow.geojson');
const moscow = areaOf(JSON.parse(readFileSync(file, 'utf8')).geometry.coordinates);

test.each([
  ['Kremlin', 37.6176, 55.752],
  ['Zelenograd', 37.198, 55.99],
  ['Serpukhov', 37.411, 54.915],
  ['Dubna', 37.165, 56.741],
  ['Mozhaysk', 36.027, 55.507],
  ['Shatura', 39.55, 55.577],
  ['Zaraysk', 38.885, 54.757],
  ['Taldom', 37.528, 56.731],
])('%s is in the region of Moscow', (_, lon, lat) => {
  expect(contains(moscow, { lon, lat })).toBe(true);
});

test.each([
  ['Obninsk', 36.61, 55.097],
  ['Tver', 35.911, 56.859],
  ['Tula', 37.618, 54.193],
  ['Aleksandrov', 38.71, 56.397],
  ['Ryazan', 39.741, 54.629],
  ['Gagarin', 35, 55.553],
  ['Petushki', 39.459, 55.93],
])('%s is not', (_, lon, lat) => {
  expect(contains(moscow, { lon, lat })).toBe(false);
});

const square = areaOf([
  [
    [37, 55],
    [38, 55],
    [38, 56],
    [37, 56],
    [37, 55],
  ],
]);

test('the exit buffer is measured in meters, along both axes and at corners', () => {
  const metersPerDegree = 111_195;
  const east = (meters: number) => ({
    lon: 38 + meters / (metersPerDegree * Math.cos((55.5 * Math.PI) / 180)),
    lat: 55.5,
  });
  const north = (meters: number) => ({ lon: 37.5, lat: 56 + meters / metersPerDegree });
  const corner = {
    lon: 38 + 1_700 / (metersPerDegree * Math.cos((56 * Math.PI) / 180)),
    lat: 56 + 1_700 / metersPerDegree,
  };
  for (const at of [east, north]) {
    expect(isWithin(square, at(1_950), 2_000)).toBe(true);
    expect(isWithin(square, at(2_050), 2_000)).toBe(false);
    expect(contains(square, at(10))).toBe(false);
  }
  expect(isWithin(square, corner, 2_000)).toBe(false); // 2.4 km away although 1.7 km along each axis
  expect(isWithin(square, corner, 2_500)).toBe(true);
});

test('a hole is outside', () => {
  const holed = areaOf([
    ...square.rings,
    [
      [37.4, 55.4],
      [37.6, 55.4],
      [37.6, 55.6],
      [37.4, 55.6],
      [37.4, 55.4],
    ],
  ]);
  expect(contains(holed, { lon: 37.5, lat: 55.5 })).toBe(false);
  expect(contains(holed, { lon: 37.2, lat: 55.2 })).toBe(true);
});

test.each([
  [
    'an open ring',
    [
      [
        [37, 55],
        [38, 55],
        [38, 56],
        [37, 56],
      ],
    ],
  ],
  [
    'a short ring',
    [
      [
        [37, 55],
        [38, 55],
        [37, 55],
      ],
    ],
  ],
  ['no ring', []],
  [
    'a point off the globe',
    [
      [
        [37, 155],
        [38, 155],
        [38, 156],
        [37, 155],
      ],
    ],
  ],
])('%s is refused', (_, rings) => {
  expect(() => areaOf(rings as [number, number][][])).toThrow(RangeError);
});
