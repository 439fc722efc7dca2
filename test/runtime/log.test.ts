import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { openLog, scrub } from '../../src/runtime/log.ts';
import { Masked } from '../../src/runtime/masked.ts';

const LICENCE = '7712345678';

function capture(write: (log: ReturnType<typeof openLog>) => void): string {
  const lines: string[] = [];
  write(openLog('trace', { write: (line) => void lines.push(line) }));
  return lines.join('');
}

test('a masked value shows itself nowhere', () => {
  const licence = new Masked<'LicenceNumber'>(LICENCE);
  const text = capture((log) => log.info({ licence, deep: { list: [licence] } }, `said ${licence}`));
  expect(text).toContain('***');
  expect(
    [text, inspect(licence), inspect({ licence }, { depth: 5 }), JSON.stringify({ licence }), String(licence)].join(),
  ).not.toContain(LICENCE);
  expect(licence.reveal()).toBe(LICENCE);
});

test.each([
  ['in the message', new Error(`duplicate key value (${LICENCE}) violates unique constraint`)],
  ['quoted', new Error(`invalid input syntax for type json: "${LICENCE}"`)],
  [
    'in the detail',
    Object.assign(new Error('failed'), { detail: `Key (deptrans_id)=(${LICENCE}) already exists.`, where: LICENCE }),
  ],
  ['in a cause', new Error('outer', { cause: new Error(`inner ${LICENCE}`) })],
  ['in a thrown text', LICENCE],
  ['in a token', new Error('bad token eyJhbGciOiJIUzI1NiJ97712345678')],
])('an error does not carry what it choked on: %s', (_, err) => {
  const text = capture((log) => log.error({ err }, 'it failed'));
  expect(text).not.toContain(LICENCE);
  expect(text).toContain('it failed');
});

test('an error keeps what helps: type, code, place', () => {
  const text = capture((log) =>
    log.error({ err: Object.assign(new TypeError('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }) }, 'x'),
  );
  expect(JSON.parse(text).err).toMatchObject({
    type: 'TypeError',
    code: 'ECONNREFUSED',
    message: 'connect ECONNREFUSED',
  });
  expect(JSON.parse(text).err.stack).toContain('log.test.ts');
});

test('scrubbing leaves plain words alone', () => {
  expect(scrub('the connection was lost after 3 tries')).toBe('the connection was lost after 3 tries');
});
