import { answer, type Behaviour, gzipBomb, repeats, says, saysAndEnds } from './hostile-server.ts';

const SESSION = '{"session":{"id":"s","status":"ONLINE","startedAt":null,"endGuess":null}}';
const unknown = (reason: string) => ({ kind: 'unknown', reason });
/** The connection is gone. */
export const lost = unknown('connection_lost');
/** The call ends by its deadline. */
export const late = unknown('timeout');
const unreadable = unknown('unreadable');
const chunked = { 'content-length': '', 'transfer-encoding': 'chunked' };
const noLength = (bytes: Buffer) => bytes.toString('latin1').replace('content-length: \r\n', '');

/** Name, behaviour, and the outcome of a report that meets it. */
export const behaviours: readonly [name: string, behaviour: Behaviour, outcome: object][] = [
  ['silence', says(''), late],
  ['an end without an answer', saysAndEnds(''), lost],
  ['a reset', { serve: (socket) => void socket.resetAndDestroy() }, lost],
  ['noise that is no HTTP', saysAndEnds('SSH-2.0-OpenSSH_9.6\r\n'), lost],
  ['half a status line', says('HTTP/1.1 20'), late],
  ['a status line of another age', saysAndEnds('HTTP/9.9 200 OK\r\n\r\n'), lost],
  ['headers without end', repeats('HTTP/1.1 200 OK\r\n', 'x-again: and again\r\n', 5), late],
  ['a flood of headers', says(`HTTP/1.1 200 OK\r\n${'x-flood: 0123456789abcdef\r\n'.repeat(2_000)}\r\n`), lost],
  ['a header as long as a book', says(`HTTP/1.1 200 OK\r\nx-book: ${'x'.repeat(100_000)}\r\n\r\n`), lost],
  ['early hints without end', repeats('', 'HTTP/1.1 103 Early Hints\r\n\r\n', 5), late],
  ['a body a byte at a time', repeats('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n', ' ', 20), late],
  ['chunks without end', repeats(noLength(answer('200 OK', '', chunked)), '1\r\n \r\n', 20), late],
  ['a chunk of a wrong size', saysAndEnds(`${noLength(answer('200 OK', '', chunked))}zz\r\n{}\r\n0\r\n\r\n`), lost],
  ['a body shorter than it says', saysAndEnds(answer('200 OK', SESSION, { 'content-length': '1000' })), lost],
  ['two lengths', saysAndEnds(answer('200 OK', SESSION, { 'content-length': '5\r\ncontent-length: 7' })), lost],
  ['too much of a body', saysAndEnds(answer('200 OK', `"${'x'.repeat(1_000_000)}"`)), unknown('too_large')],
  ['a gzip bomb', saysAndEnds(answer('200 OK', gzipBomb(64 << 20), { 'content-encoding': 'gzip' })), unreadable],
  ['cut JSON', says(answer('200 OK', SESSION.slice(0, 30))), unreadable],
  ['HTML', says(answer('200 OK', '<html>ok</html>', { 'content-type': 'text/html' })), unreadable],
  ['deep JSON', says(answer('200 OK', '['.repeat(100_000))), unreadable],
  ['bytes that are no text', says(answer('200 OK', Buffer.from([0xff, 0xfe, 0x00, 0x80]))), unreadable],
  ['nothing in a 200', says(answer('200 OK', '')), unreadable],
  ['a wrong content type', says(answer('200 OK', SESSION, { 'content-type': 'image/png' })), { kind: 'accepted' }],
  [
    'a name that poisons',
    says(answer('200 OK', '{"__proto__":{"error":{"code":950}},"session":null}')),
    { kind: 'accepted' },
  ],
  ['a redirect', says(answer('302 Found', '', { location: 'http://127.0.0.1:1/' })), unknown('unexpected_status')],
  [
    'another protocol',
    saysAndEnds('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    lost,
  ],
  ['a 204', saysAndEnds('HTTP/1.1 204 No Content\r\n\r\n'), unknown('unexpected_status')],
  ['a 500 with a good body', says(answer('500 Oops', SESSION)), unknown('server_error')],
  ['a status nobody knows', says(answer('799 What', SESSION)), unknown('server_error')],
  ['an error inside a 200', says(answer('200 OK', '{"error":{"code":"OOPS"}}')), unknown('unrecognised_error')],
  [
    'an error with an object for a code',
    says(answer('200 OK', '{"error":{"code":{}}}')),
    unknown('unrecognised_error'),
  ],
  ['an absurd Retry-After', says(answer('429 No', '', { 'retry-after': '1e308' })), { kind: 'throttled' }],
  [
    'a negative Retry-After',
    says(answer('429 No', '', { 'retry-after': '-5' })),
    { kind: 'throttled', retryAfterMs: 1_000 },
  ],
  [
    'a session with a time of no zone',
    says(answer('200 OK', SESSION.replace('null', '"2026-01-10T10:00:00"'))),
    { kind: 'accepted', value: { startedAt: null } },
  ],
];
