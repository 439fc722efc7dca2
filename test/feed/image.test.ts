import { expect, test } from 'vitest';
import { Image } from '../../src/feed/image.ts';
import { shareOf } from '../../verdict/verdict.ts';
import { keyHash } from '../support/feed/murmur.ts';
import { bindingRow, profileRow, sessionRow } from '../support/feed/rows.ts';

test('older and equal rows change nothing', () => {
  const image = new Image();
  image.putProfile(profileRow(1, 5, 1));
  image.putSession(sessionRow(1, 6, { region: 'new' }));
  image.putBinding(bindingRow(1, 7, { state: 'recheck' }));
  const touched: string[] = [];
  const before = (kind: string, no: number) => touched.push(`${kind} ${no}`);
  image.putProfile(profileRow(1, 5, 2), before);
  image.putSession(sessionRow(1, 4, { region: 'old' }), before);
  image.putBinding(bindingRow(1, 7), before);
  image.putProfile(profileRow(9, 0, 1), before);
  expect(touched).toEqual([]);
  expect(image.factsOf('park', 'driver-1')).toMatchObject({
    region: 'new',
    binding: 'recheck',
  });
  expect(image.factsOf('park', 'driver-9')).toBeNull();
});

test('a change names the records that show it', () => {
  const image = new Image();
  for (const [no, person] of [
    [1, 1],
    [2, 1],
    [3, 2],
    [4, null],
  ] as const)
    image.putProfile(profileRow(no, no, person));
  const touched = (change: (before: (kind: string, no: number) => void) => void) => {
    const names = new Set<string>();
    change((kind, no) => names.add(`${kind} ${no}`));
    return [...names].sort();
  };
  expect(touched((b) => image.putSession(sessionRow(1, 10), b))).toEqual(['statuses 1', 'statuses 2']);
  expect(touched((b) => image.putBinding(bindingRow(2, 11), b))).toEqual(['ids 3']);
  expect(touched((b) => image.putProfile(profileRow(2, 12, 2), b))).toEqual(['ids 2', 'statuses 2']);
  expect(touched((b) => image.putSession(sessionRow(1, 13), b))).toEqual(['statuses 1']);
  expect(touched((b) => image.putBinding(bindingRow(2, 14), b))).toEqual(['ids 2', 'ids 3']);
  expect(touched((b) => image.putProfile(profileRow(3, 15, null, { deleted: true }), b))).toEqual([
    'ids 3',
    'statuses 3',
  ]);
  expect(touched((b) => image.putBinding(bindingRow(2, 16), b))).toEqual(['ids 2']);
  expect(touched((b) => image.putSession(sessionRow(99, 17), b))).toEqual([]);
});

test('the seq of a record is that of the newest thing it shows', () => {
  const image = new Image();
  image.putProfile(profileRow(1, 10, 1));
  image.putSession(sessionRow(1, 5));
  image.putBinding(bindingRow(1, 20));
  expect([image.recordSeq('ids', 1), image.recordSeq('statuses', 1)]).toEqual([20, 10]);
  image.putProfile(profileRow(1, 30, null));
  expect([image.recordSeq('ids', 1), image.recordSeq('statuses', 1)]).toEqual([30, 30]);
  expect([image.isLive('ids', 1), image.isLive('statuses', 1)]).toEqual([true, false]);
});

test('what was known of a person before the profile came is there when it comes', () => {
  const image = new Image();
  image.putSession(sessionRow(7, 1, { ended_us: null }));
  image.putBinding(bindingRow(7, 2));
  image.putProfile(profileRow(1, 3, 7));
  expect(image.factsOf('park', 'driver-1')).toEqual({
    parkId: 'park',
    hasPerson: true,
    person: 'person-7',
    share: shareOf('person-7'),
    binding: 'bound',
    bindingUpdatedAt: 1_000,
    session: 'online',
    sessionUpdatedAt: 2_000,
    sessionEndedAt: null,
    region: 'moscow',
  });
});

test('a key that comes back under another number is the new one', () => {
  const image = new Image();
  image.putProfile(profileRow(1, 1, 1, { driver_id: 'd' }));
  image.putProfile(profileRow(1, 2, null, { driver_id: 'd', deleted: true }));
  expect(image.factsOf('park', 'd')).toBeNull();
  image.putProfile(profileRow(50, 3, 2, { driver_id: 'd' }));
  expect(image.factsOf('park', 'd')).toMatchObject({ person: 'person-2' });
  expect([image.recordSeq('ids', 1), image.isLive('ids', 1)]).toEqual([0, false]);
});

test('many keys are all found, and only they', () => {
  const image = new Image();
  for (let no = 1; no <= 30_000; no++) image.putProfile(profileRow(no, no, no % 2 ? no : null));
  for (let no = 1; no <= 30_000; no++) {
    expect(image.factsOf('park', `driver-${no}`)?.person).toBe(no % 2 === 1 ? `person-${no}` : '');
  }
  expect(image.factsOf('park', 'driver-30001')).toBeNull();
  expect(image.factsOf('parkdriver', '-1')).toBeNull();
});

test('a bucket of the digest names its profiles, as many as there are', () => {
  const image = new Image();
  for (let no = 1; no <= 40_000; no += 2) image.putProfile(profileRow(no, no, null));
  const found = Array.from({ length: 256 }, (_, bucket) => [...image.profiles.inBucket(bucket)]);
  expect(found.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 20_000 }, (_, i) => 2 * i + 1));
  expect(found[9]!.every((no) => (keyHash('park', `driver-${no}`)[0] & 255) === 9)).toBe(true);
  expect(Math.min(...found.map(({ length }) => length))).toBeGreaterThan(30);
});
