import { expect, test } from 'vitest';
import { readCheck, readReport, readSession, readToken, type WireAnswer } from '../../src/regulator/moscow-wire.ts';

const NOW = new Date('2026-01-10T12:00:00Z');
const asked = (told?: (oddity: string) => void) => ({ deptransId: '7', now: NOW, ...(told && { told }) });
const answer = (status: number, body: unknown, retryAfter: string | null = null): WireAnswer => ({
  status,
  retryAfter,
  body: typeof body === 'string' || body === null ? body : JSON.stringify(body),
});
const session = { id: 's1', status: 'ONLINE', startedAt: '2026-01-10T11:00:00Z', endGuess: '2026-01-10T23:00:00Z' };
const UNRECOGNISED = { kind: 'unknown', reason: 'unrecognised_error' };

test.each<[string, WireAnswer, object]>([
  [
    'a session',
    answer(200, { session }),
    { kind: 'accepted', value: { id: 's1', status: 'online', raw: null, endIsEstimate: true } },
  ],
  [
    'a word nobody knows',
    answer(200, { session: { ...session, status: 'ON_BREAK' } }),
    { kind: 'accepted', value: { status: 'unrecognised', raw: 'ON_BREAK' } },
  ],
  ['a session that cannot be read', answer(200, { session: { id: 7 } }), { kind: 'accepted', value: null }],
  [
    'a time without a zone',
    answer(200, { session: { ...session, endGuess: '2026-01-10T23:00:00' } }),
    { kind: 'accepted', value: { endsAt: null } },
  ],
  [
    'an end in another century',
    answer(200, { session: { ...session, endGuess: '2126-01-10T23:00:00Z' } }),
    { kind: 'accepted', value: { endsAt: null } },
  ],
  ['a body of another kind', answer(200, []), { kind: 'unknown', reason: 'unreadable' }],
  ['already so', answer(200, { error: { code: 'ALREADY', message: 'x' } }), { kind: 'already' }],
  ['token expired inside 200', answer(200, { error: { code: '950' } }), { kind: 'unauthorised' }],
  ['token expired as a number', answer(200, { error: { code: 950 } }), { kind: 'unauthorised' }],
  [
    'unknown driver',
    answer(200, { error: { code: 'DRIVER_UNKNOWN' } }),
    { kind: 'rejected', reason: 'driver_unknown' },
  ],
  [
    'blocked driver',
    answer(200, { error: { code: 'DRIVER_BLOCKED' } }),
    { kind: 'rejected', reason: 'driver_blocked' },
  ],
  [
    'an error nobody knows',
    answer(200, { error: { code: 'OOPS' } }),
    { kind: 'unknown', reason: 'unrecognised_error' },
  ],
  ['an error without a code', answer(200, { error: { message: 'x' }, session }), UNRECOGNISED],
  ['an error that is a text', answer(200, { error: 'x', session }), UNRECOGNISED],
  ['an error whose code is no word', answer(200, { error: { code: ['ALREADY'] }, session }), UNRECOGNISED],
  ['no error', answer(200, { error: null, session }), { kind: 'accepted', value: { id: 's1' } }],
  ['nothing said of a session', answer(200, { status: 'maintenance' }), { kind: 'unknown', reason: 'unreadable' }],
  ['no session', answer(200, { session: null }), { kind: 'accepted', value: null }],
  ['401', answer(401, ''), { kind: 'unauthorised' }],
  ['403', answer(403, '<html>'), { kind: 'unauthorised' }],
  ['a bare 404', answer(404, 'not found'), { kind: 'unknown', reason: 'unexpected_status' }],
  ['400', answer(400, '{}'), { kind: 'rejected', reason: 'refused' }],
  ['429', answer(429, '', '7'), { kind: 'throttled', retryAfterMs: 7_000 }],
  ['429 with nonsense', answer(429, '', 'soon'), { kind: 'throttled', retryAfterMs: 1_000 }],
  ['500', answer(500, { session }), { kind: 'unknown', reason: 'server_error' }],
  ['HTML', answer(200, '<html>ok</html>'), { kind: 'unknown', reason: 'unreadable' }],
  ['cut JSON', answer(200, '{"session": {"id": "s'), { kind: 'unknown', reason: 'unreadable' }],
  ['nothing', answer(200, ''), { kind: 'unknown', reason: 'unreadable' }],
  ['a body too long to read', answer(200, null), { kind: 'unknown', reason: 'too_large' }],
  ['a redirect', answer(302, ''), { kind: 'unknown', reason: 'unexpected_status' }],
  ['no content', answer(204, ''), { kind: 'unknown', reason: 'unexpected_status' }],
])('a report answered by %s', (_, given, expected) => {
  expect(readReport(given, asked())).toMatchObject(expected);
});

test('a reading that cannot be understood tells nothing', () => {
  expect(readSession(answer(200, { session: null }), asked())).toEqual({ kind: 'accepted', value: null });
  expect(readSession(answer(200, {}), asked())).toEqual({ kind: 'unknown', reason: 'unreadable' });
  expect(readSession(answer(200, { session: { id: 7 } }), asked())).toEqual({ kind: 'unknown', reason: 'unreadable' });
});

test('an unknown id does not match, and a broken check is no answer', () => {
  expect(readCheck(answer(200, { valid: true }))).toEqual({ kind: 'accepted', value: { matches: true } });
  expect(readCheck(answer(200, { valid: false, reason: 'MISMATCH' }))).toEqual({
    kind: 'accepted',
    value: { matches: false },
  });
  expect(readCheck(answer(200, { error: { code: 'DRIVER_UNKNOWN' } }))).toEqual({
    kind: 'accepted',
    value: { matches: false },
  });
  expect(readCheck(answer(200, { valid: 'yes' }))).toMatchObject({ kind: 'unknown' });
  expect(readCheck(answer(503, ''))).toMatchObject({ kind: 'unknown' });
});

test('a token must be fit for a header', () => {
  expect(readToken(answer(200, { token: 'abc' }))).toEqual({ kind: 'accepted', value: 'abc' });
  expect(readToken(answer(200, { token: 'a\r\nX-Evil: 1' }))).toMatchObject({ kind: 'unknown' });
  expect(readToken(answer(200, { token: '' }))).toMatchObject({ kind: 'unknown' });
  expect(readToken(answer(403, ''))).toEqual({ kind: 'unauthorised' });
});

test.each<[string, object, object | null, string[]]>([
  ['as it should be', {}, { status: 'online' }, []],
  [
    'an end without a zone',
    { endGuess: '2026-01-10T23:00:00' },
    { endsAt: null, status: 'online' },
    ['time_unreadable'],
  ],
  ['an end that is no text', { endGuess: 1768086000 }, { endsAt: null }, ['time_unreadable']],
  ['an end too far to be true', { endGuess: '9999-12-31T23:59:59Z' }, { endsAt: null }, ['time_absurd']],
  [
    'an end that has passed',
    { endGuess: '2026-01-10T11:30:00Z' },
    { endsAt: new Date('2026-01-10T11:30:00Z') },
    ['end_passed'],
  ],
  ['a start in the future', { startedAt: '2026-01-10T13:00:00Z' }, { startedAt: null }, ['start_in_future']],
  [
    'a clock a little ahead',
    { startedAt: '2026-01-10T12:00:30Z' },
    { startedAt: new Date('2026-01-10T12:00:30Z') },
    [],
  ],
  ['a word nobody knows', { status: 'ON_BREAK' }, { status: 'unrecognised' }, ['word']],
  ['no id', { id: '' }, null, ['unreadable']],
  ['its driver', { driverId: '007' }, { id: 's1' }, []],
  ['its driver as a number', { driverId: 7 }, { id: 's1' }, []],
])('a shift with %s', (_, fields, expected, oddities) => {
  const told: string[] = [];
  const outcome = readReport(
    answer(200, { session: { ...session, ...fields } }),
    asked((what) => told.push(what)),
  );
  expect(outcome).toMatchObject({ kind: 'accepted', value: expected });
  expect(told).toEqual(oddities);
});

test('what is said of another driver says nothing of the one asked about, and is told', () => {
  for (const body of [
    { session: { ...session, driverId: '8' } },
    { driverId: 8, session },
    { driverId: '8', session: null },
  ]) {
    for (const read of [readReport, readSession]) {
      const told: string[] = [];
      expect(
        read(
          answer(200, body),
          asked((what) => told.push(what)),
        ),
      ).toEqual({ kind: 'unknown', reason: 'another_driver' });
      expect(told).toEqual(['another_driver']);
    }
  }
});
