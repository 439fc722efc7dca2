import { once } from 'node:events';
import http2, { type ClientHttp2Session } from 'node:http2';
import net, { type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Child, startChild } from '../../simulator/stage/child.ts';
import {
  FLAG,
  fields,
  frame,
  openHttp2,
  openSocket,
  PREFACE,
  post,
  pour,
  setting,
  TYPE,
  uint32,
} from '../support/http2-frames.ts';

const CHECK = '/deptrans.v1.DiagnosticsService/CheckDriver';
const LIST = '/deptrans.v1.IncrementalUpdatesService/ListIdUpdates';
/** Fifty times what is promised: the abuser, the abused and who else works here share the cores. */
const GUARD_MS = 5_000;
const MAX_GROWTH_MB = 250;
/** So that honest callers do not share what an address may have with the abuser. */
const ABUSER = '127.0.0.2';
const INITIAL_WINDOW_SIZE = 4;
const PATIENCE = { timeout: 20_000, interval: 50 };

type Edge = Child & { greeting: { url: string; metricsUrl: string } };
let edge: Edge;
let port: number;
let restingMb: number;
beforeAll(async () => {
  edge = await startChild({
    file: 'test/support/edge-process.ts',
    args: [
      JSON.stringify({ maxRequestsPerAddress: 500, prefaceTimeoutMs: 1_500, stallMs: 2_000, pingIntervalMs: 1_000 }),
    ],
    env: {},
    greeting: (line) => (line.startsWith('{"url"') ? (JSON.parse(line) as Edge['greeting']) : null),
  });
  port = Number(new URL(edge.greeting.url).port);
  for (let i = 0; i < 50; i++) await probe();
  restingMb = await residentMb();
});
afterAll(() => edge.stop());

async function sample(name: string): Promise<number> {
  const text = await (await fetch(edge.greeting.metricsUrl)).text();
  const line = text.split('\n').find((each) => each.startsWith(name));
  return line ? Number(line.slice(line.lastIndexOf(' ') + 1)) : 0;
}
const residentMb = async () => (await sample('process_resident_memory_bytes ')) / 2 ** 20;
const cuts = (why: string) => sample(`deptrans_listener_cuts_total{why="${why}"}`);

/** An honest call on a connection of its own. Rejects if it takes longer than the guard. */
async function probe(): Promise<void> {
  const response = await fetch(edge.greeting.url + CHECK, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: '{"parkId": "p", "driverId": "d"}',
    signal: AbortSignal.timeout(GUARD_MS),
  });
  expect(await response.json()).toMatchObject({ verdicts: [{}] });
}

/** Probes, one after another, until `abuse` has ended; at least ten. Then memory is what it was, but for a bound. */
async function expectUnmoved<T>(abuse: Promise<T>): Promise<T> {
  let over = false;
  const ended = abuse.finally(() => {
    over = true;
  });
  ended.catch(() => {});
  for (let i = 0; i < 10 || !over; i++) await probe();
  const result = await ended;
  await vi.waitFor(async () => expect((await residentMb()) - restingMb).toBeLessThan(MAX_GROWTH_MB), PATIENCE);
  return result;
}

const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024, 32));
/** However it ended: with a reset, too. */
const closed = (socket: Socket | ClientHttp2Session) =>
  socket.closed || socket.destroyed
    ? Promise.resolve()
    : new Promise<void>((resolve) => void socket.once('close', () => resolve()));
/** Endless for a server that does not end a flood: many times what it can read before it looks. */
const ENDLESS = 200_000;
const request = (stream: number, path = CHECK, flags: number = FLAG.endHeaders) =>
  frame(TYPE.headers, flags, stream, post(path));
/** Many of what `one` gives, in one write. */
const burst = (count: number, one: (no: number) => Uint8Array): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, no) => one(no)));

test('rapid reset: a connection gets its burst and no more', async () => {
  const abuse = async () => {
    for (let connection = 0; connection < 10; connection++) {
      const socket = await openHttp2(port, ABUSER);
      const one = (no: number) => {
        const stream = no * 2 + 1;
        return Buffer.concat([request(stream), frame(TYPE.reset, 0, stream, uint32(8))]);
      };
      const sent = await pour(socket, 2_000, (no) => burst(100, (k) => one(no * 100 + k)));
      expect(sent).toBeLessThan(2_000);
      await closed(socket);
    }
  };
  await expectUnmoved(abuse());
});

test.each<[string, () => Buffer]>([
  ['PING', () => frame(TYPE.ping, 0, 0, Buffer.alloc(8))],
  ['SETTINGS', () => frame(TYPE.settings, 0, 0, setting(INITIAL_WINDOW_SIZE, 65_535))],
  ['WINDOW_UPDATE', () => frame(TYPE.windowUpdate, 0, 0, uint32(1))],
  ['PRIORITY', () => frame(TYPE.priority, 0, 1, Buffer.from([0, 0, 0, 0, 7]))],
  ['frames nobody knows', () => frame(0x42, 0, 0, Buffer.alloc(32))],
  ['acknowledgements of nothing', () => frame(TYPE.ping, FLAG.ack, 0, Buffer.alloc(8))],
])('a flood of %s ends its connection', async (_name, make) => {
  const abuse = async () => {
    const socket = await openHttp2(port, ABUSER);
    const many = burst(1_000, make);
    expect(await pour(socket, ENDLESS, () => many)).toBeLessThan(ENDLESS);
    await closed(socket);
  };
  await expectUnmoved(abuse());
});

test('a flood of CONTINUATION, and of empty DATA, ends its connection', async () => {
  const continued = async () => {
    const socket = await openHttp2(port, ABUSER);
    socket.write(frame(TYPE.headers, FLAG.none, 1, post(CHECK)));
    const part = frame(TYPE.continuation, FLAG.none, 1, fields(['x', 'y'.repeat(100)]));
    expect(await pour(socket, 5_000, () => part)).toBeLessThan(5_000);
    await closed(socket);
  };
  const empty = async () => {
    const socket = await openHttp2(port, ABUSER);
    socket.write(request(1));
    const many = burst(500, () => frame(TYPE.data, FLAG.none, 1));
    expect(await pour(socket, 5_000, () => many)).toBeLessThan(5_000);
    await closed(socket);
  };
  await expectUnmoved(Promise.all([continued(), empty()]));
});

test('headers that unpack to megabytes are not taken', async () => {
  const abuse = async () => {
    const socket = await openHttp2(port, ABUSER);
    const long = Buffer.from(`\x40\x01x\x7f\x81\x1e${'y'.repeat(4_000)}`, 'latin1');
    socket.write(frame(TYPE.headers, FLAG.endHeaders, 1, Buffer.concat([post(CHECK), long])));
    const bomb = Buffer.concat([post(CHECK), Buffer.alloc(12_000, 0xbe)]);
    await pour(socket, 300, (no) => frame(TYPE.headers, FLAG.endHeaders | FLAG.endStream, 3 + no * 2, bomb));
    socket.destroy();
  };
  await expectUnmoved(abuse());
});

test('half-open prefaces hold nobody up and are given up', async () => {
  const sockets = await Promise.all(Array.from({ length: 800 }, () => openSocket(port, ABUSER)));
  for (const [i, socket] of sockets.entries()) socket.write(PREFACE.subarray(0, i % PREFACE.length));
  await expectUnmoved(Promise.all(sockets.map(closed)));
});

test('answers that nobody takes, with windows of nothing, cost a bounded memory and end', async () => {
  const stalls = await cuts('stall');
  const abuse = async () => {
    const sessions = Array.from({ length: 8 }, () =>
      http2.connect(edge.greeting.url, {
        settings: { initialWindowSize: 0 },
        createConnection: () => net.connect({ port, host: '127.0.0.1', localAddress: ABUSER }),
      }),
    );
    for (const session of sessions) {
      session.on('error', () => {});
      for (let i = 0; i < 50; i++) {
        const stream = session.request({ ':method': 'POST', ':path': LIST, 'content-type': 'application/grpc' });
        stream.on('error', () => {}).end(Buffer.alloc(5));
      }
    }
    await Promise.all(sessions.map(closed));
  };
  await expectUnmoved(abuse());
  expect(await cuts('stall')).toBeGreaterThan(stalls);
});

test('huge messages: announced, sent, packed', async () => {
  const announced = async () => {
    const socket = await openHttp2(port, ABUSER);
    const envelope = Buffer.concat([Buffer.from([0]), uint32(0xffff_ffff), Buffer.alloc(1_000)]);
    socket.write(Buffer.concat([request(1), frame(TYPE.data, FLAG.endStream, 1, envelope)]));
    await once(
      socket.on('data', () => {}),
      'data',
    );
    socket.destroy();
  };
  const send = (body: Uint8Array, headers: Record<string, string> = {}) =>
    fetch(edge.greeting.url + CHECK, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: body as Uint8Array<ArrayBuffer>,
    });
  const sent = async () => expect((await send(Buffer.alloc(64 * 1024 * 1024, 32))).status).toBe(400);
  const packed = async () => {
    expect((await send(bomb, { 'content-encoding': 'gzip' })).status).toBe(400);
  };
  await expectUnmoved(Promise.all([announced(), sent(), packed()]));
});

test('requests whose bodies never come are refused beyond the share of an address, and end', async () => {
  const turnedAway = await cuts('crowd');
  const abuse = async () => {
    const sockets = await Promise.all(Array.from({ length: 24 }, () => openHttp2(port, ABUSER)));
    const all = burst(256, (no) => request(no * 2 + 1));
    await Promise.all(sockets.map((socket) => pour(socket, 1, () => all)));
    await Promise.all(sockets.map(closed)); // their pings stay unanswered
  };
  await expectUnmoved(abuse());
  expect(await cuts('crowd')).toBeGreaterThan(turnedAway);
  const inHand = () => sample(`deptrans_api_in_hand{call="${CHECK.slice(1)}"}`);
  await vi.waitFor(async () => expect(await inHand()).toBe(0), PATIENCE);
});

test('what was cut is told in the metrics', async () => {
  expect(await cuts('flood')).toBeGreaterThanOrEqual(3);
});
