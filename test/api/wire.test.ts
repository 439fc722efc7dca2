import http2 from 'node:http2';
import { gzipSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SetDriverIdRequestSchema } from '../../gen/deptrans/v1/driver_id_pb.ts';
import { ReportStatusesRequestSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { StatusSchema } from '../../gen/google/rpc/status_pb.ts';
import { onAbort } from '../../src/runtime/on-abort.ts';
import { type Edge, openEdge } from '../support/edge.ts';

const SECRET = '9901123456';
const SET = '/deptrans.v1.DriverIdService/SetDriverId';
const WATCH = '/deptrans.v1.IncrementalUpdatesService/WatchIds';
const INGEST = '/deptrans.v1.StatusIngestService/ReportStatuses';

let edge: Edge;
beforeAll(async () => {
  edge = await openEdge({}, { bodyLimits: { maxBytes: 10_000, timeoutMs: 60_000 } });
});
afterAll(() => edge.close(0));

type Answer = { status: number; reason: string | undefined; code: string; text: string };

async function ask(path: string, type: string, body: Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const session = http2.connect(edge.url);
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': type,
      te: 'trailers',
      ...headers,
    });
    const metadata: Record<string, unknown> = {};
    stream.on('response', (h) => Object.assign(metadata, h));
    stream.on('trailers', (h) => Object.assign(metadata, h));
    stream.end(body);
    const text = Buffer.concat(await stream.toArray()).toString();
    const details = metadata['grpc-status-details-bin'] as string | undefined;
    return {
      status: Number(metadata[':status']),
      ...readError(text, details, metadata['grpc-status']),
      text: text + JSON.stringify(metadata),
    };
  } finally {
    session.close();
  }
}

/** The code and reason of an error, from gRPC trailers, the body of a Connect call, or the end of a Connect stream. */
function readError(text: string, details: string | undefined, grpcStatus: unknown): Pick<Answer, 'code' | 'reason'> {
  if (grpcStatus !== undefined) {
    const status = details === undefined ? undefined : fromBinary(StatusSchema, Buffer.from(details, 'base64'));
    const info = status?.details.map((any) => anyUnpack(any, ErrorInfoSchema)).find(Boolean);
    return { code: String(grpcStatus), reason: info?.reason };
  }
  const web = /grpc-status: (\d+)/.exec(text);
  const json = text.slice(text.indexOf('{'));
  if (web || json === '') return { code: web?.[1] ?? '', reason: undefined };
  const parsed = JSON.parse(json);
  const error = parsed.error ?? parsed;
  const info = error.details?.find((d: { type: string }) => d.type === 'google.rpc.ErrorInfo');
  return { code: error.code, reason: info && fromBinary(ErrorInfoSchema, Buffer.from(info.value, 'base64')).reason };
}

const envelope = (message: Buffer, flags = 0) => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
};
const message = Buffer.from(toBinary(SetDriverIdRequestSchema, create(SetDriverIdRequestSchema, { deptransId: '1' })));
const badJson = Buffer.from(`{"deptrans_id": ${SECRET}}`);
const badBinary = Buffer.from([0x0a, 0x7f, ...Buffer.from(SECRET)]);
const groups = Buffer.alloc(9_000, 0x0b);

describe('what does not fit is REQUEST_MALFORMED on every protocol and is not quoted', () => {
  test.each([
    ['Connect, JSON of a wrong type', SET, 'application/json', badJson],
    ['Connect, no JSON', SET, 'application/json', Buffer.from(`{"deptrans_id": "${SECRET}`)],
    ['Connect, nothing as JSON', SET, 'application/json', Buffer.alloc(0)],
    ['Connect, cut binary', SET, 'application/proto', badBinary],
    ['Connect, endless groups', SET, 'application/proto', groups],
    [
      'Connect stream, JSON of a wrong type',
      WATCH,
      'application/connect+json',
      envelope(Buffer.from(`{"cursor": ${SECRET}}`)),
    ],
    ['Connect stream, cut binary', WATCH, 'application/connect+proto', envelope(badBinary)],
    ['Connect stream, no envelope', WATCH, 'application/connect+proto', Buffer.from('abc')],
    ['gRPC, cut binary', SET, 'application/grpc', envelope(badBinary)],
    ['gRPC, JSON of a wrong type', SET, 'application/grpc+json', envelope(badJson)],
    [
      'gRPC, a length that lies',
      SET,
      'application/grpc',
      Buffer.concat([Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), message]),
    ],
    ['gRPC, unknown flags', SET, 'application/grpc', envelope(message, 4)],
    ['gRPC stream, cut binary', WATCH, 'application/grpc+proto', envelope(badBinary)],
    ['gRPC-Web, cut binary', SET, 'application/grpc-web+proto', envelope(badBinary)],
  ])('%s', async (_name, path, type, body) => {
    const answer = await ask(path, type, body);
    expect(answer.text).not.toContain(SECRET);
    if (type.startsWith('application/grpc-web')) return expect(answer.text).toContain('grpc-status: 3');
    expect(answer).toMatchObject({
      reason: 'REQUEST_MALFORMED',
      code: expect.stringMatching(/^(3|invalid_argument)$/),
    });
  });
});

test.each([
  ['no message', SET, 'application/grpc', Buffer.alloc(0), '12'],
  ['two messages', SET, 'application/grpc', Buffer.concat([envelope(message), envelope(message)]), '12'],
  [
    'two messages of a Connect stream',
    WATCH,
    'application/connect+proto',
    Buffer.concat([envelope(Buffer.alloc(0)), envelope(Buffer.alloc(0))]),
    'unimplemented',
  ],
  ['a compressed message without saying how', SET, 'application/grpc', envelope(gzipSync(message), 1), '13'],
] as const)('%s gets the code that the protocols name for it', async (_name, path, type, body, code) => {
  expect(await ask(path, type, body)).toMatchObject({ code, reason: undefined });
});

test.each([
  ['Connect', SET, 'application/proto', Buffer.alloc(10_001), {}],
  ['Connect, gzip bomb', SET, 'application/proto', gzipSync(Buffer.alloc(1_000_000)), { 'content-encoding': 'gzip' }],
  ['gRPC', SET, 'application/grpc', envelope(Buffer.alloc(200_000)), {}],
  [
    'gRPC, gzip bomb',
    SET,
    'application/grpc',
    envelope(gzipSync(Buffer.alloc(1_000_000)), 1),
    { 'grpc-encoding': 'gzip' },
  ],
] as const)('too large a message over %s is LIMIT_OUT_OF_RANGE', async (_name, path, type, body, headers) => {
  expect(await ask(path, type, body, headers)).toMatchObject({ reason: 'LIMIT_OUT_OF_RANGE' });
});

test('an unknown compression or time-out is refused by the protocol, before the request is read', async () => {
  expect(await ask(SET, 'application/grpc', envelope(message), { 'grpc-encoding': 'zstd' })).toMatchObject({
    code: '12',
  });
  expect(await ask(WATCH, 'application/grpc', envelope(message), { 'grpc-encoding': 'zstd' })).toMatchObject({
    code: '12',
  });
  expect(await ask(SET, 'application/grpc', envelope(message), { 'grpc-timeout': 'soon' })).toMatchObject({
    code: '3',
  });
  expect((await ask(SET, 'text/xml', message)).status).toBe(415);
  await expect.poll(edge.counted).toMatchObject({ 'deptrans.v1.DriverIdService/SetDriverId protocol_error': 3 });
});

test('a message that never comes whole is given up', async () => {
  await using impatient = await openEdge({}, { bodyLimits: { maxBytes: 10_000, timeoutMs: 300 } });
  const session = http2.connect(impatient.url);
  const stream = session.request({ ':method': 'POST', ':path': SET, 'content-type': 'application/grpc' });
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('trailers', (h) => {
    trailers = h;
  });
  stream.write(envelope(message).subarray(0, 6));
  await stream.toArray();
  expect(trailers['grpc-status']).toBe('3');
  session.close();
});

test('a large batch within the limit goes through, and unknown fields are passed over', async () => {
  await using large = await openEdge({
    statusIngest: { reportStatuses: ({ events }) => ({ accepted: events.length }) },
  });
  const events = Array.from({ length: 10_000 }, (_, i) => ({
    parkId: `p${i}`.padEnd(64, 'x'),
    driverId: `d${i}`.padEnd(64, 'x'),
  }));
  const body = toBinary(ReportStatusesRequestSchema, create(ReportStatusesRequestSchema, { events }));
  const unknownField = Buffer.from([0xf8, 0x01, 0x01]);
  const response = await fetch(large.url + INGEST, {
    method: 'POST',
    headers: { 'content-type': 'application/proto' },
    body: Buffer.concat([body, unknownField]),
  });
  expect(response.status).toBe(200);
});

/** An edge whose check is in hand until its signal aborts. */
async function openHolding() {
  const held = { entered: false, aborted: false };
  const holding = await openEdge({
    diagnostics: {
      checkDriver: (_, { signal }) => {
        held.entered = true;
        return new Promise((_resolve, reject) => {
          onAbort(signal, () => {
            held.aborted = true;
            reject(signal.reason);
          });
        });
      },
    },
  });
  const call = (signal: AbortSignal) =>
    fetch(`${holding.url}/deptrans.v1.DiagnosticsService/CheckDriver`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
      signal,
    });
  return { holding, held, call };
}

test('a caller that leaves is counted as canceled and the handler is told', async () => {
  const { holding, held, call } = await openHolding();
  await using _ = holding;
  const leaving = new AbortController();
  const answer = call(leaving.signal).catch((error: Error) => error.name);
  await expect.poll(() => held.entered).toBe(true);

  leaving.abort();

  expect(await answer).toBe('AbortError');
  await expect.poll(() => held.aborted).toBe(true);
  await expect.poll(holding.counted).toEqual({ 'deptrans.v1.DiagnosticsService/CheckDriver canceled': 1 });
});

test('when the process drops what is in hand, calls end as SHUTTING_DOWN', async () => {
  const { holding, held, call } = await openHolding();
  await using _ = holding;
  const answer = call(new AbortController().signal);
  await expect.poll(() => held.entered).toBe(true);

  holding.lifetime.abort();

  const response = await answer;
  expect(response.status).toBe(503);
  expect(readError(await response.text(), undefined, undefined)).toEqual({
    code: 'unavailable',
    reason: 'SHUTTING_DOWN',
  });
});
