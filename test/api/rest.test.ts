import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refuse } from '../../src/api/errors.ts';
import { type Edge, openEdge } from '../support/edge.ts';

const ID = '/driver/v1/deptrans-status/v1/id';
const IDS = '/internal/v1/id/updates';

let edge: Edge;
beforeAll(async () => {
  edge = await openEdge(
    {
      driverId: {
        setDriverId: ({ deptransId, idempotencyKey }) => {
          if (deptransId === '429') throw refuse('TOO_MANY_ATTEMPTS', { retryAfterMs: 2_500 });
          if (deptransId === '500') throw new ConnectError('of a neighbour, with "9901 123456"');
          return { id: { deptransId: `${deptransId}/${idempotencyKey}` } };
        },
      },
    },
    { bodyLimits: { maxBytes: 10_000, timeoutMs: 60_000 } },
  );
});
afterAll(() => edge.close(0));

const JSON_TYPE = { 'content-type': 'application/json' };
const get = (path: string, init?: RequestInit) => fetch(edge.url + path, init);
const post = (body: string | Buffer, headers: Record<string, string> = JSON_TYPE) =>
  fetch(edge.url + ID, { method: 'POST', body, headers });

test('answers are JSON with the names of the proto, every field, and bytes as they go into the next URL', async () => {
  const response = await get(ID);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  expect(await response.json()).toEqual({
    id: { bound: true, deptrans_id: '42', state: 'STATE_BOUND', updated_at: '2023-11-14T22:13:20.123Z' },
  });
  expect(await (await get(IDS)).json()).toEqual({
    ids: [
      {
        park_id: 'p',
        driver_id: 'd',
        driver_license_pd_id: '',
        bound: true,
        deptrans_id: '42',
        seq: '9007199254740993',
        deleted: false,
        state: 'STATE_UNSPECIFIED',
      },
    ],
    cursor: '-_--AQ',
    has_more: true,
    reset: false,
    through_seq: '0',
  });
});

test('POST reads both forms of the names, with or without gzip, and passes over unknown fields', async () => {
  const json = JSON.stringify({ deptrans_id: '12', idempotencyKey: 'Ж', unknown: { a: [1] } });
  expect(await (await post(json)).json()).toMatchObject({ id: { deptrans_id: '12/Ж' } });
  expect(await (await post(Buffer.from('{"deptransId":"13"}'), {})).json()).toMatchObject({
    id: { deptrans_id: '13/' },
  });
  const packed = { 'content-type': 'application/json; charset=utf-8', 'content-encoding': 'gzip' };
  expect(await (await post(gzipSync(json), packed)).json()).toMatchObject({ id: { deptrans_id: '12/Ж' } });
});

test.each([
  ['nothing', ''],
  ['no JSON', '{'],
  ['an array', '[]'],
  ['null', 'null'],
  ['a number for a text', '{"deptrans_id": 9901123456}'],
  ['an object for a text', '{"deptrans_id": {"a": "9901123456"}}'],
  ['a name twice', '{"deptrans_id": "9901123456", "deptrans_id": "2"}'],
  ['both names', '{"deptrans_id": "9901123456", "deptransId": "2"}'],
  ['half a surrogate', '{"deptrans_id": "\\ud800"}'],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ['deep nesting', `{"x": ${'['.repeat(4_000)}`],
])('POST refuses %s', async (_name, body) => {
  const response = await post(body);
  const text = await response.text();
  expect([response.status, JSON.parse(text).reason]).toEqual([400, 'REQUEST_MALFORMED']);
  expect(text).not.toContain('9901123456');
});

test('POST refuses other types, other compressions, broken gzip and what is too large, packed or not', async () => {
  const reasonOf = async (response: Promise<Response>) =>
    ((await (await response).json()) as { reason: string }).reason;
  expect(await reasonOf(post('a=1', { 'content-type': 'application/x-www-form-urlencoded' }))).toBe(
    'REQUEST_MALFORMED',
  );
  expect(await reasonOf(post('{}', { ...JSON_TYPE, 'content-encoding': 'br' }))).toBe('REQUEST_MALFORMED');
  expect(await reasonOf(post('{}', { ...JSON_TYPE, 'content-encoding': 'gzip' }))).toBe('REQUEST_MALFORMED');
  const large = JSON.stringify({ x: 'x'.repeat(1_000_000) });
  expect(await reasonOf(post(large))).toBe('LIMIT_OUT_OF_RANGE');
  expect(await reasonOf(post(gzipSync(large), { ...JSON_TYPE, 'content-encoding': 'gzip' }))).toBe(
    'LIMIT_OUT_OF_RANGE',
  );
});

test('a body that does not come is given up', async () => {
  await using impatient = await openEdge({}, { bodyLimits: { maxBytes: 10_000, timeoutMs: 200 } });
  const status = await new Promise<number | undefined>((resolve) => {
    const slow = httpRequest(
      impatient.url + ID,
      { method: 'POST', headers: { 'content-length': '10' } },
      (response) => {
        resolve(response.statusCode);
        slow.destroy();
      },
    );
    slow.on('error', () => {});
    slow.write('{');
  });
  expect(status).toBe(400);
});

test('a refusal has its HTTP status, machine reason, text for the driver and Retry-After', async () => {
  const response = await post('{"deptrans_id": "429"}');
  expect(response.status).toBe(429);
  expect(response.headers.get('retry-after')).toBe('3');
  expect(await response.json()).toMatchObject({
    code: 'resource_exhausted',
    reason: 'TOO_MANY_ATTEMPTS',
    details: [{}, { retryDelay: '2.500s' }, { locale: 'ru', message: expect.stringMatching(/[а-я]/) }],
  });
  const english = await post('{"deptrans_id": "429"}', { ...JSON_TYPE, 'accept-language': 'en-GB,ru;q=0.5' });
  expect(await english.json()).toMatchObject({ details: [{}, {}, { locale: 'en' }] });
});

test('a bug is INTERNAL without a word of its cause, which the log has under the id of the request', async () => {
  const response = await post('{"deptrans_id": "500"}');
  const text = await response.text();
  expect(response.status).toBe(500);
  expect(JSON.parse(text)).toMatchObject({ code: 'internal', reason: 'INTERNAL' });
  expect(text).not.toContain('123456');
  const line = edge.lines.find((l) => l.includes('call failed'))!;
  expect(line).toContain(response.headers.get('x-request-id'));
  expect(line).not.toContain('123456');
});

test('other paths and methods are answered in JSON', async () => {
  for (const [method, path, status, allow] of [
    ['GET', '/', 404, null],
    ['GET', `${ID}/`, 404, null],
    ['GET', '/deptrans.v1.Nothing/Get', 404, null],
    ['DELETE', ID, 405, 'GET, POST'],
    ['POST', IDS, 405, 'GET'],
    ['GET', '/deptrans.v1.DriverIdService/GetDriverId', 405, 'POST'],
    ['POST', '/healthz', 405, 'GET'],
  ] as const) {
    const response = await fetch(edge.url + path, { method });
    expect([path, response.status, response.headers.get('allow')]).toEqual([path, status, allow]);
    expect(await response.json()).toMatchObject({ code: 'unimplemented', reason: 'REQUEST_MALFORMED' });
  }
  await expect.poll(edge.counted).toMatchObject({ 'unknown unimplemented': expect.any(Number) });
});

test('a host or target that makes no URL is refused', async () => {
  const status = (path: string, host: string) =>
    new Promise((resolve) => {
      httpRequest({ port: edge.port, host: '127.0.0.1', path, headers: { host } }, (response) =>
        resolve(response.resume().statusCode),
      ).end();
    });
  expect(await status(ID, 'a b')).toBe(400);
  expect(await status('*', 'a')).toBe(400);
  expect(await status('//', 'a')).toBe(404);
  expect(await status(`http://elsewhere${ID}`, 'a')).toBe(200);
});

test('each call is counted under its path and code', async () => {
  await using own = await openEdge();
  await fetch(own.url + ID);
  await fetch(`${own.url}${IDS}?limit=x`);
  await expect.poll(own.counted).toEqual({ [`GET ${ID} ok`]: 1, [`GET ${IDS} invalid_argument`]: 1 });
});
