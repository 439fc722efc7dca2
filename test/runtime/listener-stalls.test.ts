import { once } from 'node:events';
import type http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { openListener, type RequestHandler } from '../../src/runtime/listener.ts';

const CHUNK = Buffer.alloc(64 * 1024);
const PATIENCE = { timeout: 60_000, interval: 10 };

/** Answers without end, each chunk when the one before it was taken, and counts what it has written. */
function endless() {
  const written = { bytes: 0, begun: 0, ended: 0 };
  const handler: RequestHandler = async (req, res) => {
    if (req.url === '/unread') written.begun += 1;
    const end = new AbortController();
    res.once('close', () => end.abort());
    try {
      while (!end.signal.aborted) {
        written.bytes += CHUNK.length;
        if (!(res as http.ServerResponse).write(CHUNK)) await once(res, 'drain', { signal: end.signal });
      }
    } catch {
      // the client has gone
    }
    if (req.url === '/unread') written.ended += 1;
  };
  return { written, handler };
}

test('HTTP/2: who reads nothing is cut off, who reads slowly is not', async () => {
  const { written, handler } = endless();
  const limits = { stallMs: 2_000 };
  await using listener = await openListener({ host: '127.0.0.1', port: 0, handler, limits });
  const slow = http2.connect(listener.url);
  const slowStream = slow.request({ ':path': '/slow' });
  let taken = 0;
  const reading = (async () => {
    for await (const chunk of slowStream) {
      taken += (chunk as Buffer).length;
      await pause(10); // some four times for each chunk that was written
    }
  })();
  const deaf = http2.connect(listener.url);
  const errors: unknown[] = [];
  deaf.on('error', (error) => errors.push(error));
  const unread = deaf.request({ ':path': '/unread' });
  unread.on('error', () => {});
  await once(deaf, 'close');
  await vi.waitFor(() => expect(written.ended).toBe(1), PATIENCE);
  expect(slow.destroyed).toBe(false);
  const before = taken;
  await vi.waitFor(() => expect(taken).toBeGreaterThan(before + 2 * CHUNK.length), PATIENCE);
  slow.destroy();
  await reading.catch(() => {});
});

test('what is written to somebody who reads nothing is a chunk and the windows', async () => {
  const { written, handler } = endless();
  const limits = { stallMs: 400 };
  await using listener = await openListener({ host: '127.0.0.1', port: 0, handler, limits });
  const deaf = http2.connect(listener.url);
  deaf.on('error', () => {});
  const streams = Array.from({ length: 100 }, () => deaf.request({ ':path': '/unread' }));
  for (const stream of streams) stream.on('error', () => {});
  await once(deaf, 'close'); // perhaps before the last of them had its turn
  await vi.waitFor(() => expect(written.ended).toBe(written.begun), PATIENCE);
  expect(written.begun).toBeGreaterThan(0);
  expect(written.bytes).toBeLessThanOrEqual(written.begun * 3 * CHUNK.length);
});

test.each(['/unread', '/whole'])(
  'HTTP/1.1: the same, for an answer without end and for one that has ended: %s',
  async (path) => {
    const { handler } = endless();
    const big = Buffer.alloc(32 * 1024 * 1024);
    let closed = false;
    const either: RequestHandler = (req, res) => {
      res.once('close', () => {
        closed = true;
      });
      if (req.url === '/whole') (res as http.ServerResponse).end(big);
      else handler(req, res);
    };
    await using listener = await openListener({
      host: '127.0.0.1',
      port: 0,
      handler: either,
      limits: { stallMs: 400 },
    });
    const socket = net.connect(listener.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
    await vi.waitFor(() => expect(closed).toBe(true), PATIENCE);
    const end = once(socket, 'close');
    socket.resume(); // what was on its way comes, and then the end, long before the whole
    await end;
    expect(socket.bytesRead).toBeLessThan(big.length);
  },
);
