import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import type http from 'node:http';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keepCertificate } from '../../src/runtime/certificate.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openListener, type RequestHandler } from '../../src/runtime/listener.ts';
import type { TlsKeys } from '../../src/runtime/listener-front.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { makeSelfSigned } from '../support/self-signed.ts';

const hello: RequestHandler = (_req, res) => (res as http.ServerResponse).end('hello');
const PATIENCE = { timeout: 30_000, interval: 20 };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deptrans-certificate-'));
});
afterEach(() => rm(folder, { recursive: true }));

const files = () => ({ certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') });

/** Replaces a file as a whole. */
async function put(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

async function putPair({ cert, key }: TlsKeys): Promise<void> {
  await put(files().certFile, cert);
  await put(files().keyFile, key);
}

/** A port with the pair, whose files are looked at all the time. */
async function openPort(keys: TlsKeys) {
  const stack = new AsyncDisposableStack();
  const listener = stack.use(await openListener({ host: '127.0.0.1', port: 0, handler: hello, tls: keys }));
  const lines: string[] = [];
  const log = openLog('info', { write: (line) => void lines.push(line) });
  const metrics = openMetrics(systemClock);
  const lifetime = openLifetime();
  const { renew } = listener;
  stack.use(keepCertificate({ ...files(), keys, renew, refreshMs: 20, lifetime, clock: systemClock, log, metrics }));
  const read = async (name: string) =>
    (await metrics.registry.getSingleMetric(`deptrans_listener_certificate_${name}`)!.get()).values[0]!.value;
  const said = (text: string) => lines.filter((line) => line.includes(text)).length;
  return { listener, read, said, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** The certificate that somebody gets who connects now. */
async function shown(port: number): Promise<string> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

const nameOf = ({ cert }: TlsKeys) => new X509Certificate(cert).fingerprint256;

async function ask(session: http2.ClientHttp2Session): Promise<string> {
  return Buffer.concat(await session.request({ ':path': '/' }).toArray()).toString();
}

test('new connections get a renewed certificate, and those that were open before go on', async () => {
  const [first, second] = [makeSelfSigned(), makeSelfSigned(2 * 86_400_000)];
  await putPair(first);
  await using port = await openPort(first);
  const { listener } = port;
  const before = http2.connect(listener.url, { ca: first.cert });
  expect(await ask(before)).toBe('hello');

  await putPair(second);
  await vi.waitFor(async () => expect(await shown(listener.port)).toBe(nameOf(second)), PATIENCE);
  expect(await ask(before)).toBe('hello');
  const after = http2.connect(listener.url, { ca: second.cert });
  expect(await ask(after)).toBe('hello');
  expect(await port.read('expires_at_seconds')).toBe(Date.parse(new X509Certificate(second.cert).validTo) / 1_000);
  expect(await port.read('refused')).toBe(0);
  expect(port.said('the certificate is renewed')).toBe(1);
  before.destroy();
  after.destroy();
});

const [other, over] = [makeSelfSigned(), makeSelfSigned(-1_000)];
test.each([
  ['no certificate', ({ key }: TlsKeys) => ({ cert: 'no certificate', key })],
  ['cut', ({ cert, key }: TlsKeys) => ({ cert: cert.slice(0, 200), key })],
  ['empty', ({ key }: TlsKeys) => ({ cert: '', key })],
  ["another key's", ({ key }: TlsKeys) => ({ cert: other.cert, key })],
  ['over', () => over],
  ['gone', () => null],
])(
  'a new certificate that is %s leaves the old one in force, and log and gauge say so until there is a good one',
  async (_, damage) => {
    const [first, second] = [makeSelfSigned(), makeSelfSigned()];
    await putPair(first);
    await using port = await openPort(first);
    const broken = damage(first);
    if (broken) await putPair(broken);
    else await rm(files().certFile);
    await vi.waitFor(async () => expect(await port.read('refused')).toBe(1), PATIENCE);
    expect(await shown(port.listener.port)).toBe(nameOf(first));
    // Once for each state of the files: one is replaced after the other.
    expect([1, 2]).toContain(port.said('stays in force'));

    await putPair(second);
    await vi.waitFor(async () => expect(await shown(port.listener.port)).toBe(nameOf(second)), PATIENCE);
    await vi.waitFor(async () => expect(await port.read('refused')).toBe(0), PATIENCE);
  },
);

test('without TLS there is nothing to renew', async () => {
  await using listener = await openListener({ host: '127.0.0.1', port: 0, handler: hello });
  expect(() => listener.renew(other)).toThrow('no TLS');
});
