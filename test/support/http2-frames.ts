import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

/** HTTP/2 by hand, for what no library would send. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const FLAG = { none: 0, endStream: 1, ack: 1, endHeaders: 4 } as const;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Header fields, each written out and kept by nobody. */
export function fields(...pairs: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat(pairs.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

export const post = (path: string, type = 'application/grpc') =>
  fields([':method', 'POST'], [':scheme', 'http'], [':authority', 'a'], [':path', path], ['content-type', type]);

export function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

export const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** A connection that has said the preface and its settings. What comes back is thrown away. */
export async function openHttp2(port: number, from?: string, settings = Buffer.alloc(0)): Promise<Socket> {
  const socket = await openSocket(port, from);
  socket.write(Buffer.concat([PREFACE, frame(TYPE.settings, 0, 0, settings)]));
  return socket;
}

/** `from`: another address of this machine to come from. */
export async function openSocket(port: number, from = '127.0.0.1'): Promise<Socket> {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.resume();
  return socket;
}

/** Sends what `next` gives until the other side has closed, `times` at most; returns how often. Whoever does not take it in time is waited for. */
export async function pour(socket: Socket, times: number, next: (no: number) => Uint8Array): Promise<number> {
  const gone = new Promise((resolve) => socket.once('close', resolve));
  for (let no = 0; no < times; no++) {
    if (socket.destroyed || socket.closed) return no;
    const taken = new Promise((resolve) => socket.write(next(no), resolve));
    await Promise.race([taken, gone]);
    await turn();
  }
  return times;
}
