import { expect, test } from 'vitest';
import { openChunkCache } from '../../src/feed/chunk-cache.ts';

test('what was used least recently goes first, by bytes', () => {
  const cache = openChunkCache(100);
  const [a, b, c, d] = [{}, {}, {}, {}];
  const bytes = new Uint8Array(40);
  cache.put(a, bytes);
  cache.put(b, bytes);
  expect(cache.get(a)).toBe(bytes);
  cache.put(c, bytes);
  expect([a, b, c].map((key) => cache.get(key) !== undefined)).toEqual([true, false, true]);
  cache.put(d, new Uint8Array(500)); // too great for all: kept alone
  expect([a, b, c, d].map((key) => cache.get(key) !== undefined)).toEqual([false, false, false, true]);
  cache.put(a, bytes);
  expect([a, d].map((key) => cache.get(key) !== undefined)).toEqual([true, false]);
});
