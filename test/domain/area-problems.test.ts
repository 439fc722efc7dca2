import { expect, test } from 'vitest';
import { type Polygon, type Position, problemsOfPolygons } from '../../src/domain/area-problems.ts';

const BOUNDS = { west: 19, south: 41, east: 180, north: 82 };

const ring = (text: string): Position[] =>
  text.split(', ').map((point): Position => point.split(' ').map(Number) as [number, number]);

const square = (west: number, south: number, size = 1): Position[] => {
  const [east, north] = [west + size, south + size];
  return ring(`${west} ${south}, ${east} ${south}, ${east} ${north}, ${west} ${north}, ${west} ${south}`);
};

const town = square(37, 55);

test.each<[string, Polygon[], string[]]>([
  [
    'too few points',
    [[ring('37 55, 38 55, 37 55')]],
    ['outer ring: has 3 points; it needs at least four, of which the last is the first again'],
  ],
  [
    'no points',
    [[[]]],
    [
      'an area needs at least one ring',
      'outer ring: has 0 points; it needs at least four, of which the last is the first again',
    ],
  ],
  ['an open ring', [[town.slice(0, 4)]], ['outer ring: is not closed: it begins at 37, 55 and ends at 37, 56']],
  ['a point twice', [[[town[0]!, ...town]]], ['outer ring: points 1 and 2 are the same (37, 55)']],
  [
    'a ring that crosses itself',
    [[ring('37 55, 38 56, 38 55, 37 56, 37 55')]],
    ['outer ring, edge 1 and outer ring, edge 3 cross at about 37.5, 55.5'],
  ],
  [
    'a ring that meets itself in a point',
    [[ring('37 55, 38 55, 37.5 55.5, 38 56, 37 56, 37.5 55.5, 37 55')]],
    ['outer ring: touches itself: points 3 and 6 are the same (37.5, 55.5)'],
  ],
  [
    'a point on another edge',
    [[ring('37 55, 38 55, 38 56, 37.5 55, 37 56, 37 55')]],
    [
      'outer ring, edge 1 and outer ring, edge 4 touch at about 37.5, 55',
      'outer ring, edge 1 and outer ring, edge 3 touch at about 37.5, 55',
    ],
  ],
  [
    'a spike',
    [[ring('37 55, 38 55, 38 56, 38 57, 38 56.5, 37 56, 37 55')]],
    [
      'outer ring, edge 3 and outer ring, edge 5 touch at about 38, 56.5',
      'outer ring, edge 3 and outer ring, edge 4 turn back on each other at about 38, 57',
    ],
  ],
  ['a hole outside', [[town, square(39, 55)]], ['hole 1 lies outside its outer ring']],
  [
    'a hole half outside, by corners alone',
    [[town, ring('37.5 55.5, 38 55, 38.5 55.5, 38 56, 37.5 55.5')]],
    ['hole 1 lies outside its outer ring'],
  ],
  [
    'a hole that crosses',
    [[town, square(37.5, 55.5)]],
    [
      'outer ring, edge 3 and hole 1, edge 4 cross at about 37.5, 56',
      'outer ring, edge 2 and hole 1, edge 1 cross at about 38, 55.5',
    ],
  ],
  ['a hole in a hole', [[town, square(37.2, 55.2, 0.5), square(37.3, 55.3, 0.1)]], ['hole 1 and hole 2 share area']],
  ['a polygon within another', [[town], [square(37.2, 55.2, 0.1)]], ['polygon 1 and polygon 2 share area']],
  [
    'a latitude off the globe',
    [[ring('37 95, 38 55, 38 56, 37 95')]],
    ['2 of 4 points lie off the globe, the first of them at 37, 95'],
  ],
  [
    'Vladivostok swapped',
    [[square(43, 131, 0.5)]],
    [
      '5 of 5 points lie off the globe, the first of them at 43, 131',
      'longitude and latitude seem to have changed places: GeoJSON has the longitude first',
    ],
  ],
  [
    'Paris',
    [[square(2, 48)]],
    ['5 of 5 points lie outside 19..180 E, 41..82 N (regions in service.json), the first of them at 2, 48'],
  ],
])('%s: told with where', (_, polygons, expected) => {
  expect(problemsOfPolygons(polygons, BOUNDS)).toEqual(expected);
});

test.each<[string, Polygon[]]>([
  ['a hole that meets the border in a point', [[town, ring('37.5 55.2, 37.2 55.5, 37 55, 37.5 55.2')]]],
  ['an island in the hole of another', [[town, square(37.2, 55.2, 0.6)], [square(37.4, 55.4, 0.1)]]],
  ['polygons side by side', [[town], [square(38, 55)]]],
])('%s is good', (_, polygons) => {
  expect(problemsOfPolygons(polygons, BOUNDS)).toEqual([]);
});

test('a long list of problems is cut', () => {
  const comb = Array.from({ length: 60 }, (_, i): Position => [37 + i / 100, i % 2 === 0 ? 55 : 56]);
  const told = problemsOfPolygons([[[...comb, [37, 55.5], [37.6, 55.4], comb[0]!]]], BOUNDS);
  expect(told).toHaveLength(11);
  expect(told.at(-1)).toMatch(/and \d+ more$/);
});
