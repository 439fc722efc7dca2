import { type EventEmitter, once } from 'node:events';
import type http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { expect, test, vi } from 'vitest';
import { type Cut, type ListenerLimits, openListener, type RequestHandler } from '../../src/runtime/listener.ts';
import { makeSelfSigned } from '../support/self-signed.ts';

const hello: RequestHandler = (req, res) => (res as http.ServerResponse).end(`hello over ${req.httpVersion}`);
/** Unlike `once` of Node it does not care for errors. */
const closed = (emitter: EventEmitter) => new Promise((resolve) => emitter.once('close', resolve));
const PATIENCE = { timeout: 60_000, interval: 10 };

async function open(limits: Partial<ListenerLimits> = {}, handler = hello) {
  const cut: Cut[] = [];
  const listener = await openListener({
    host: '127.0.0.1',
    port: 0,
    handler,
    limits,
    onCut: (why) => void cut.push(why),
  });
  return { listener, cut, [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose]() };
}

/** A handler that holds every request, and what lets them go. */
function holding() {
  const held: (() => void)[] = [];
  const handler: RequestHandler = (_req, res) => void held.push(() => (res as http.ServerResponse).end('held'));
  return { held, handler };
}

async function read(stream: http2.ClientHttp2Stream): Promise<string> {
  return Buffer.concat(await stream.toArray()).toString();
}

test('an address has its share of connections; what is over is closed, and there is room when one leaves', async () => {
  await using opened = await open({ maxConnectionsPerAddress: 2 });
  const { listener, cut } = opened;
  const sockets = [1, 2, 3].map(() => net.connect(listener.port, '127.0.0.1'));
  const [first, , third] = sockets;
  for (const socket of sockets) socket.on('error', () => {});
  await closed(third!);
  expect(cut).toEqual(['crowd']);
  first!.destroy();
  await expect.poll(async () => (await fetch(listener.url)).status, PATIENCE).toBe(200);
  for (const socket of sockets) socket.destroy();
});

test('an address has its share of requests in hand; more are refused as not looked at', async () => {
  const { held, handler } = holding();
  await using opened = await open({ maxRequestsPerAddress: 3 }, handler);
  const { listener, cut } = opened;
  const session = http2.connect(listener.url);
  const streams = [1, 2, 3].map(() => session.request({ ':path': '/' }));
  await vi.waitFor(() => expect(held).toHaveLength(3), PATIENCE);

  const over = session.request({ ':path': '/' }).on('error', () => {});
  await closed(over);
  expect(over.rstCode).toBe(http2.constants.NGHTTP2_REFUSED_STREAM);
  const answer = await fetch(listener.url);
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  expect(cut).toEqual(['crowd', 'crowd']);

  for (const end of held) end();
  expect(await Promise.all(streams.map(read))).toEqual(['held', 'held', 'held']);
  session.close();
});

test('an HTTP/2 connection that asks nothing is told to go, one with a stream stays', async () => {
  const { held, handler } = holding();
  await using opened = await open({ pingIntervalMs: 50, idleTimeoutMs: 100 }, handler);
  const { listener } = opened;
  const busy = http2.connect(listener.url);
  const stream = busy.request({ ':path': '/' });
  await vi.waitFor(() => expect(held).toHaveLength(1), PATIENCE);
  const idle = http2.connect(listener.url);
  await once(idle, 'close');
  expect(busy.closed).toBe(false);
  held[0]!();
  expect(await read(stream)).toBe('held');
  await once(busy, 'close');
});

test('many requests in one packet are answered in turns with those of others, all of them', async () => {
  const order: string[] = [];
  const handler: RequestHandler = (req, res) => {
    order.push(req.url!.slice(1, 6));
    (res as http.ServerResponse).end('x');
  };
  await using opened = await open({}, handler);
  const crowd = http2.connect(opened.listener.url);
  const other = http2.connect(opened.listener.url);
  await Promise.all([crowd, other].map((session) => once(session, 'remoteSettings')));
  const streams = Array.from({ length: 200 }, () => crowd.request({ ':path': '/crowd' }));
  const last = other.request({ ':path': '/other' });
  expect(await Promise.all([...streams, last].map(read))).toEqual(Array(201).fill('x'));
  expect(order.filter((name) => name === 'crowd')).toHaveLength(200);
  expect(order.indexOf('other')).toBeLessThan(190);
  crowd.close();
  other.close();
});

test('the end of a body without a byte is heard by a request that had to wait for its turn', async () => {
  const handler: RequestHandler = (req, res) => {
    req.resume().once('end', () => (res as http.ServerResponse).end('whole'));
  };
  await using port = await open({}, handler);
  const session = http2.connect(port.listener.url);
  const answers = Array.from({ length: 40 }, () => {
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false });
    const answer = read(stream);
    stream.end();
    return answer;
  });
  expect(new Set(await Promise.all(answers))).toEqual(new Set(['whole']));
  session.destroy();
});

test('a headers block over the limit is refused on both protocols, one below is not', async () => {
  await using opened = await open();
  const { listener } = opened;
  const session = http2.connect(listener.url);
  const ask = async (bytes: number) => {
    const stream = session.request({ ':path': '/', 'x-long': 'y'.repeat(bytes) });
    stream.on('error', () => {});
    await closed(stream.resume());
    return stream.rstCode;
  };
  expect(await ask(12_000)).toBe(http2.constants.NGHTTP2_NO_ERROR);
  expect(await ask(17_000)).toBe(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
  session.close();
  expect((await fetch(listener.url, { headers: { 'x-long': 'y'.repeat(12_000) } })).status).toBe(200);
  expect((await fetch(listener.url, { headers: { 'x-long': 'y'.repeat(17_000) } })).status).toBe(431);
});

test('while it drains it takes everything, and HTTP/1.1 connections end with their next answer', async () => {
  const opened = await open();
  const { listener } = opened;
  const session = http2.connect(listener.url);
  await once(session, 'remoteSettings');
  const closing = listener.close(5_000, 60_000);
  const answer = await fetch(listener.url);
  expect([await answer.text(), answer.headers.get('connection')]).toEqual(['hello over 1.1', 'close']);
  expect(await read(session.request({ ':path': '/' }))).toBe('hello over 2.0');

  const ended = once(session, 'close');
  await listener[Symbol.asyncDispose]();
  await closing;
  await ended;
  await expect(fetch(listener.url)).rejects.toThrow();
});

test('with TLS the client chooses the protocol; one that does not is understood by its bytes; plain HTTP is not', async () => {
  const keys = makeSelfSigned();
  const common = { host: '127.0.0.1', port: 0, handler: hello, tls: keys };
  await using listener = await openListener(common);
  expect(listener.url).toMatch(/^https:/);
  const session = http2.connect(listener.url, { ca: keys.cert });
  expect(await read(session.request({ ':path': '/' }))).toBe('hello over 2.0');
  session.close();

  const over1 = await new Promise<http.IncomingMessage>((resolve, reject) =>
    https.get(listener.url, { ca: keys.cert, agent: false }, resolve).on('error', reject),
  );
  expect(Buffer.concat(await over1.toArray()).toString()).toBe('hello over 1.1');

  const unsaid = tls.connect({ port: listener.port, host: '127.0.0.1', ca: keys.cert });
  unsaid.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  expect(Buffer.concat(await unsaid.toArray()).toString()).toMatch(/hello over 1\.1/);

  const plain = net.connect(listener.port, '127.0.0.1').on('error', () => {});
  plain.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await closed(plain.resume());
  await using hasty = await openListener({ ...common, limits: { prefaceTimeoutMs: 500 } });
  const silent = net.connect(hasty.port, '127.0.0.1').on('error', () => {});
  await closed(silent.resume()); // the handshake has its time too
});
