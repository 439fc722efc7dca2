import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net, { type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type ListenerLimits, openListener, type RequestHandler } from '../../src/runtime/listener.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const SETTINGS_FRAME_TYPE = 4;

const echo: RequestHandler = (req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    (res as http.ServerResponse).end(`${req.httpVersion} ${req.method} ${Buffer.concat(chunks)}`);
  });
};

const open = (limits: Partial<ListenerLimits> = {}, handler: RequestHandler = echo) =>
  openListener({ host: '127.0.0.1', port: 0, handler, limits });

async function connect(port: number): Promise<Socket> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Sends a segment of its own. */
async function push(socket: Socket, bytes: string | Buffer): Promise<void> {
  await new Promise((resolve) => socket.write(bytes, resolve));
  await turn();
}

async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

/** Nothing is read and no timer fires for so long. */
function standStill(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

async function getHttp2(url: string, body?: string): Promise<string> {
  const session = http2.connect(url);
  try {
    const stream = session.request({ ':path': '/', ':method': body === undefined ? 'GET' : 'POST' });
    stream.end(body);
    return Buffer.concat(await stream.toArray()).toString();
  } finally {
    session.close();
  }
}

test('both protocols work on one port, also for large bodies', async () => {
  await using listener = await open();
  const big = 'x'.repeat(300_000);

  expect(await (await fetch(listener.url)).text()).toBe('1.1 GET ');
  expect(await (await fetch(listener.url, { method: 'POST', body: big })).text()).toBe(`1.1 POST ${big}`);
  expect(await getHttp2(listener.url)).toBe('2.0 GET ');
  expect(await getHttp2(listener.url, big)).toBe(`2.0 POST ${big}`);
});

test.each([1, 2, 3, 14, 23, 24, 25, 33])('an HTTP/2 preface cut after %i bytes is recognised', async (cut) => {
  await using listener = await open();
  const socket = await connect(listener.port);
  const hello = Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS]);
  const answered = once(socket, 'data') as Promise<[Buffer]>;
  await push(socket, hello.subarray(0, cut));
  await push(socket, hello.subarray(cut));

  const [answer] = await answered;
  expect(answer[3]).toBe(SETTINGS_FRAME_TYPE);
  socket.destroy();
});

test('an HTTP/1.1 request byte by byte is answered, whatever its first letters have in common with the preface', async () => {
  await using listener = await open();
  const socket = await connect(listener.port);
  for (const byte of 'PRI') await push(socket, byte);
  socket.write('X / HTTP/1.1\r\nhost: a\r\n\r\n');
  expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 400 /);

  const post = await connect(listener.port);
  for (const byte of 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi')
    await push(post, byte);
  expect(await readAll(post)).toMatch(/1\.1 POST hi/);
});

test('one burst that holds the request and the next one is answered twice', async () => {
  await using listener = await open();
  const socket = await connect(listener.port);
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  expect((await readAll(socket)).match(/1\.1 GET /g)).toHaveLength(2);
});

test('garbage is refused and the server goes on', async () => {
  await using listener = await open();
  const inputs = [
    '\0\0\0\0',
    `${PREFACE.slice(0, 23)}\0`,
    `${PREFACE}garbage that is no frame at all`,
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'GET / HTTP/9.9\r\n\r\n',
    `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
  ];
  for (const input of inputs) {
    const socket = await connect(listener.port);
    socket.write(Buffer.from(input, 'latin1'));
    await readAll(socket);
  }
  expect(await (await fetch(listener.url)).text()).toBe('1.1 GET ');
});

test('a client that connects and resets, or half-closes, leaves nothing behind', async () => {
  await using listener = await open();
  for (const begin of ['', 'PRI', 'GET / HT', PREFACE]) {
    const reset = await connect(listener.port);
    reset.write(begin);
    reset.resetAndDestroy();
    const half = await connect(listener.port);
    half.end(begin);
    await readAll(half);
  }
  expect(await getHttp2(listener.url)).toBe('2.0 GET ');
});

test('silence, a partial preface and slow headers are cut', async () => {
  await using hasty = await open({ prefaceTimeoutMs: 100 });
  await using patient = await open({ headersTimeoutMs: 200, requestTimeoutMs: 400 });
  /** Whatever comes until the end, which may come while the next one still connects. */
  const saying = async (port: number, text: string) => {
    const socket = await connect(port);
    socket.write(text);
    return readAll(socket);
  };
  const answers = [
    saying(hasty.port, ''),
    saying(hasty.port, 'PRI * HT'),
    saying(patient.port, 'GET / HTTP/1.1\r\nhost: '),
    saying(patient.port, 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nx'),
  ];

  expect(await Promise.all(answers)).toEqual(['', '', expect.stringMatching(/ 408 /), expect.stringMatching(/ 408 /)]);
});

test('connections above the cap are closed, and there is room again when others leave', async () => {
  await using listener = await open({ maxConnections: 2 });
  const first = await connect(listener.port);
  const second = await connect(listener.port);
  const third = await connect(listener.port);
  await readAll(third);

  const left = once(first, 'close');
  first.destroy();
  second.destroy();
  await left;
  await expect.poll(async () => (await fetch(listener.url)).status).toBe(200);
});

test('a peer that does not answer pings is cut', async () => {
  await using listener = await open({ pingIntervalMs: 50 });
  const mute = await connect(listener.port);
  mute.write(Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS]));
  await readAll(mute);

  const session = http2.connect(listener.url);
  await once(session, 'connect');
  for (let pings = 0; pings < 4; pings++) await once(session, 'ping');
  expect(session.closed).toBe(false);
  session.close();
});

test('a process that stood still itself cuts nobody off whose answer lies unread', async () => {
  await using listener = await open({ pingIntervalMs: 50 });
  const session = http2.connect(listener.url);
  await once(session, 'connect');
  for (let pings = 0; pings < 5; pings++) {
    await Promise.race([once(session, 'ping'), once(session, 'close')]);
    expect(session.closed).toBe(false);
    standStill(150);
  }
  session.close();
});

test('a port that is taken rejects', async () => {
  await using listener = await open();
  await expect(openListener({ host: '127.0.0.1', port: listener.port, handler: echo })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
});

test('close lets requests in hand end, ends idle connections at once and takes no new ones', async () => {
  const held: (() => void)[] = [];
  const listener = await open({}, (_req, res) => {
    held.push(() => (res as http.ServerResponse).end('late'));
  });
  const agent = new http.Agent({ keepAlive: true });
  const waitFor = (n: number) => expect.poll(() => held.length).toBe(n);
  const over1 = new Promise<http.IncomingMessage>((resolve) => http.get(listener.url, { agent }, resolve));
  await waitFor(1);
  const over2 = getHttp2(listener.url);
  await waitFor(2);
  const idle = await connect(listener.port);

  const closed = listener.close(10_000);
  await readAll(idle);
  await expect(connect(listener.port)).rejects.toThrow();
  for (const end of held) end();

  expect(Buffer.concat(await (await over1).toArray()).toString()).toBe('late');
  expect(await over2).toBe('late');
  await closed;
  agent.destroy();
});

test('after the grace what is left is cut', async () => {
  const listener = await open({}, () => {});
  const session = http2.connect(listener.url);
  session.on('error', () => {});
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => {});
  const hanging = fetch(listener.url).catch((error: Error) => error);
  await once(session, 'remoteSettings');

  await listener.close(50);

  expect(await hanging).toBeInstanceOf(Error);
  session.destroy();
});
