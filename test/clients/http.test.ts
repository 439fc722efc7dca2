import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { CallFailed } from '../../src/clients/call-failed.ts';
import { openHttp } from '../../src/clients/http.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';

const never = new AbortController().signal;
let cleanUp = new AsyncDisposableStack();
afterEach(async () => {
  await cleanUp.disposeAsync();
  cleanUp = new AsyncDisposableStack();
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.defer(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function open(answer: RequestListener, options: { deadlineMs?: number; maxBodyBytes?: number } = {}) {
  const metrics = openMetrics(systemClock);
  const baseUrl = await serve(answer);
  const http = openHttp({ baseUrl, deadlineMs: 60_000, timer: metrics.timer('clients'), ...options });
  cleanUp.use(http);
  return { http, metrics };
}

const failure = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error) => error);

test('gets and posts JSON', async () => {
  const { http, metrics } = await open((req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += chunk;
    });
    req.on('end', () => res.end(JSON.stringify({ method: req.method, url: req.url, body })));
  });
  expect(await http.getJson('things', '/v1/things?a=1', never)).toEqual({
    method: 'GET',
    url: '/v1/things?a=1',
    body: '',
  });
  expect(await http.postJson('things', '/v1/things', { a: 1 }, never)).toEqual({
    method: 'POST',
    url: '/v1/things',
    body: '{"a":1}',
  });
  expect(await metrics.registry.metrics()).toContain('deptrans_clients_seconds_count{call="things",code="ok"} 2');
});

test.each<[string, RequestListener, { code: string; status?: number; peerCode?: string }]>([
  ['an error status', (_, res) => res.writeHead(503).end('secret 1234'), { code: 'HTTP_503', status: 503 }],
  [
    'an error with a machine code',
    (_, res) => res.writeHead(410).end('{"code":"REVISION_FORGOTTEN"}'),
    { code: 'HTTP_410', status: 410, peerCode: 'REVISION_FORGOTTEN' },
  ],
  [
    'a code that is not one',
    (_, res) => res.writeHead(410).end('{"code":"79161234567"}'),
    { code: 'HTTP_410', status: 410 },
  ],
  ['a redirect', (_, res) => res.writeHead(302, { location: '/' }).end(), { code: 'HTTP_302', status: 302 }],
  ['HTML', (_, res) => res.end('<html>'), { code: 'NOT_JSON', status: 200 }],
  ['an empty body', (_, res) => res.end(), { code: 'NOT_JSON', status: 200 }],
  ['a body over the limit', (_, res) => res.end(`"${'x'.repeat(2_000)}"`), { code: 'TOO_LARGE' }],
  [
    'a body that breaks off',
    (_, res) => {
      res.writeHead(200, { 'content-length': '100' });
      res.write('{"a":');
      res.socket?.destroy();
    },
    { code: 'UNREACHABLE' },
  ],
])('%s is a CallFailed without the body', async (_, answer, expected) => {
  const { http } = await open(answer, { maxBodyBytes: 1_000 });
  const error = await failure(http.getJson('things', '/', never));
  expect(error).toBeInstanceOf(CallFailed);
  expect(error).toMatchObject(expected);
  expect((error as CallFailed).peerCode).toBe(expected.peerCode);
  expect((error as Error).cause).toBeUndefined();
});

test('silence and a slow drip end at the total deadline', async () => {
  const silent = await open(() => {}, { deadlineMs: 50 });
  expect(await failure(silent.http.getJson('things', '/', never))).toMatchObject({ code: 'TIMEOUT' });

  const dripping = await open(
    (_, res) => {
      const drip = setInterval(() => res.write(' '), 5);
      res.on('close', () => clearInterval(drip));
    },
    { deadlineMs: 50 },
  );
  expect(await failure(dripping.http.getJson('things', '/', never))).toMatchObject({ code: 'TIMEOUT' });
  expect(await dripping.metrics.registry.metrics()).toContain('{call="things",code="TIMEOUT"} 1');
});

test('our own abort is told apart from a time-out', async () => {
  const { http } = await open(() => {});
  const aborting = new AbortController();
  const call = failure(http.getJson('things', '/', aborting.signal));
  aborting.abort();
  expect(await call).toMatchObject({ code: 'ABORTED' });
});

test('a neighbour that is not there is UNREACHABLE', async () => {
  const http = openHttp({
    baseUrl: 'http://127.0.0.1:1',
    deadlineMs: 60_000,
    timer: openMetrics(systemClock).timer('clients'),
  });
  cleanUp.use(http);
  expect(await failure(http.getJson('things', '/', never))).toMatchObject({ code: 'UNREACHABLE' });
});
