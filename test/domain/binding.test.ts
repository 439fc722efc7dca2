import { expect, test } from 'vitest';
import { displayId, parseDeptransId } from '../../src/domain/binding.ts';

test.each([
  ['123', '123'],
  ['00123', '123'],
  ['0', '0'],
  ['000', '0'],
  ['9'.repeat(20), '9'.repeat(20)],
  [`${'0'.repeat(19)}1`, '1'],
])('%s is the id %s', (text, id) => {
  expect(parseDeptransId(text)).toBe(id);
});

test.each([
  '',
  ' 1',
  '1 ',
  '1\n',
  '-1',
  '+1',
  '1.0',
  '1e3',
  '0x1',
  '१२३',
  '１２',
  '1'.repeat(21),
  '0'.repeat(21),
  'abc',
  '1\0',
])('%j is no id', (text) => {
  expect(parseDeptransId(text)).toBeNull();
});

test.each([
  ['1234567', 'full', '1234567'],
  ['1234567', 'masked', '***67'],
  ['12345', 'masked', '***'],
  ['1234567', 'fact', ''],
] as const)('%s is shown %s as %s', (id, display, shown) => {
  expect(displayId(parseDeptransId(id)!, display)).toBe(shown);
});
