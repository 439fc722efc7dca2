import { describe, expect, test } from 'vitest';
import { parseRfc3339, parseStatusEvent, refuseTime } from '../../src/domain/driver-status.ts';
import { isKey } from '../../src/domain/key.ts';

const good = { parkId: 'park', driverId: 'driver', status: 'online', eventAtMs: 1_763_900_000_123 };

test('an event in order passes unchanged', () => {
  expect(parseStatusEvent(good)).toEqual(good);
});

test.each([
  ['no park', { parkId: undefined }, 'BAD_KEY'],
  ['an empty driver', { driverId: '' }, 'BAD_KEY'],
  ['a number for a park', { parkId: 7 }, 'BAD_KEY'],
  ['an unknown word', { status: 'sleeping' }, 'BAD_STATUS'],
  ['a word in capitals', { status: 'ONLINE' }, 'BAD_STATUS'],
  ['a name of Object.prototype', { status: 'constructor' }, 'BAD_STATUS'],
  ['no status', { status: undefined }, 'BAD_STATUS'],
  ['no time', { eventAtMs: undefined }, 'BAD_TIME'],
  ['a time that is not a number', { eventAtMs: Number.NaN }, 'BAD_TIME'],
  ['several faults: the key is named first', { parkId: '', status: '', eventAtMs: undefined }, 'BAD_KEY'],
])('%s is refused', (_, fields, reason) => {
  expect(parseStatusEvent({ ...good, ...fields })).toBe(reason);
});

describe('a key', () => {
  test.each(['a', 'Парк № 7', 'x'.repeat(64), 'я'.repeat(32), '🚕', 'a/b', "o'neil; drop table"])(
    'may be %j',
    (key) => {
      expect(isKey(key)).toBe(true);
    },
  );
  test.each([
    '',
    'x'.repeat(65),
    'я'.repeat(33),
    'a\u0000b',
    'a\nb',
    'a\u007f',
    'a\u200bb',
    'a\u202eb',
    'a\u2028b',
    '\ud800',
    'x'.repeat(1_000_000),
    null,
    ['a'],
  ])('may not be %j', (key) => {
    expect(isKey(key)).toBe(false);
  });
});

describe('a time', () => {
  test.each([
    ['2026-11-23T19:00:00Z', Date.UTC(2026, 10, 23, 19)],
    ['2026-11-23t19:00:00.5z', Date.UTC(2026, 10, 23, 19, 0, 0, 500)],
    ['2026-11-23T19:00:00.123456789Z', Date.UTC(2026, 10, 23, 19, 0, 0, 123)],
    ['2026-11-23T22:30:00+03:30', Date.UTC(2026, 10, 23, 19)],
    ['2026-11-23T18:00:00-01:00', Date.UTC(2026, 10, 23, 19)],
    ['2024-02-29T00:00:00-00:00', Date.UTC(2024, 1, 29)],
    ['0050-01-01T00:00:00Z', new Date('0050-01-01T00:00:00Z').getTime()],
  ])('%s is read', (text, ms) => {
    expect(parseRfc3339(text)).toBe(ms);
  });
  test.each([
    '2026-11-23',
    '2026-11-23 19:00:00Z',
    '2026-11-23T19:00:00',
    '2026-11-23T24:00:00Z',
    '2026-11-23T19:60:00Z',
    '2026-12-31T23:59:60Z',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-11-23T19:00:00+24:00',
    '2026-11-23T19:00:00+0300',
    '2026-11-23T19:00:00.Z',
    '+002026-11-23T19:00:00Z',
    ' 2026-11-23T19:00:00Z',
    '2026-11-23T19:00:00Z\n',
    '1763900000',
    1_763_900_000,
    1_763_900_000_123,
    null,
    {},
  ])('%j is not one', (text) => {
    expect(parseRfc3339(text)).toBeUndefined();
  });
});

test.each([
  ['now', 0, null],
  ['60 s ahead', 60_000, null],
  ['more than 60 s ahead', 60_001, 'TIME_IN_FUTURE'],
  ['microseconds taken for milliseconds', 1e15, 'TIME_IN_FUTURE'],
  ['7 days ago', -7 * 86_400_000, null],
  ['more than 7 days ago', -7 * 86_400_000 - 1, 'TIME_TOO_OLD'],
])('the window of time: %s', (_, shift, reason) => {
  const now = Date.UTC(2026, 10, 23);
  expect(refuseTime(now + shift, now)).toBe(reason);
});

test('seconds taken for milliseconds are too old', () => {
  expect(refuseTime(1_763_900_000, Date.UTC(2026, 10, 23))).toBe('TIME_TOO_OLD');
});
