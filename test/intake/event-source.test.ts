import { expect, test } from 'vitest';
import { standingAt, standingWithin } from '../../src/intake/event-source.ts';

const stored = { generation: 3, topicId: 'one', nextOffset: 70 };
const standing = { generation: 3, topicId: 'one', from: 70, offset: 70 };

test('a partition never read begins with generation 1', () => {
  expect(standingAt(null, 'one')).toEqual({ generation: 1, topicId: 'one', from: 0, offset: 0 });
});

test('the same topic goes on, another one of the name begins anew', () => {
  expect(standingAt(stored, 'one')).toEqual(standing);
  expect(standingAt(stored, 'two')).toEqual({ generation: 4, topicId: 'two', from: 0, offset: 0 });
});

test.each([
  ['within the log', 0, 100, { ...standing, lost: 0 }],
  ['at its end', 0, 70, { ...standing, lost: 0 }],
  ['before its beginning: what is between is lost', 90, 100, { ...standing, offset: 90, lost: 20 }],
  ['behind its end: it was cut off', 0, 69, { generation: 4, topicId: 'one', from: 0, offset: 0, lost: 0 }],
  ['behind the end of a log that begins late', 10, 20, { ...standing, generation: 4, from: 0, offset: 10, lost: 0 }],
])('a standing %s', (_, low, high, expected) => {
  expect(standingWithin(standing, { low, high })).toEqual(expected);
});
