import { toJson } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { compressionGzip, createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CheckDriverResponseSchema, DiagnosticsService } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { DriverIdService, GetDriverIdResponseSchema } from '../../gen/deptrans/v1/driver_id_pb.ts';
import {
  IncrementalUpdatesService,
  ListIdUpdatesResponseSchema,
} from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { ReportStatusesResponseSchema, StatusIngestService } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { refuse } from '../../src/api/errors.ts';
import { onAbort } from '../../src/runtime/on-abort.ts';
import { answers, type Edge, openEdge, transports } from '../support/edge.ts';

let edge: Edge;
beforeAll(async () => {
  edge = await openEdge({
    driverId: {
      setDriverId: ({ deptransId, idempotencyKey }, { requestHeader }) => {
        if (deptransId === '') throw refuse('ID_MISMATCH');
        return { id: { deptransId: `${deptransId}/${idempotencyKey}/${requestHeader.get('x-yataxi-park-id')}` } };
      },
    },
    diagnostics: {
      checkDriver: ({ parkId }) => {
        if (parkId === 'bug') throw new Error('licence "9901 123456" is broken');
        return answers.check;
      },
    },
  });
});
afterAll(() => edge.close(0));

const failed = async (work: Promise<unknown>) => ConnectError.from(await work.catch((error: unknown) => error));
const reasonIn = (error: ConnectError) => error.findDetails(ErrorInfoSchema)[0];

async function collect<T>(stream: AsyncIterable<T>): Promise<{ frames: T[]; error: ConnectError }> {
  const frames: T[] = [];
  try {
    for await (const frame of stream) frames.push(frame);
  } catch (error) {
    return { frames, error: ConnectError.from(error) };
  }
  throw new Error('The stream ended without an error');
}

describe.each(Object.entries(transports))('%s', (_name, make) => {
  let transport: Transport;
  beforeAll(() => {
    transport = make(edge.url);
  });

  test('unary calls give the same answers', async () => {
    const ids = createClient(DriverIdService, transport);
    const updates = createClient(IncrementalUpdatesService, transport);
    const diagnostics = createClient(DiagnosticsService, transport);
    const ingest = createClient(StatusIngestService, transport);

    const headers = { 'x-yataxi-park-id': 'park' };
    const set = await ids.setDriverId({ deptransId: '007', idempotencyKey: 'Ключ' }, { headers });

    expect(set.id?.deptransId).toBe('007/Ключ/park');
    expect(toJson(GetDriverIdResponseSchema, await ids.getDriverId({}))).toEqual(
      toJson(GetDriverIdResponseSchema, answers.id),
    );
    expect(toJson(ListIdUpdatesResponseSchema, await updates.listIdUpdates({ limit: 3 }))).toEqual(
      toJson(ListIdUpdatesResponseSchema, answers.ids),
    );
    expect((await updates.listStatusUpdates({ regions: ['a', 'b'] })).statuses[0]?.region).toBe('moscow');
    expect(toJson(CheckDriverResponseSchema, await diagnostics.checkDriver({ parkId: 'p' }))).toEqual(
      toJson(CheckDriverResponseSchema, answers.check),
    );
    expect((await diagnostics.checkDrivers({ drivers: [{ parkId: 'p' }] })).results).toHaveLength(1);
    const events = [{ parkId: 'p', driverId: 'd' }, {}];
    expect(toJson(ReportStatusesResponseSchema, await ingest.reportStatuses({ events }))).toEqual(
      toJson(ReportStatusesResponseSchema, answers.taken),
    );
  });

  test('streams give the same frames and end with the same refusal', async () => {
    const updates = createClient(IncrementalUpdatesService, transport);

    const ids = await collect(updates.watchIds({ cursor: new Uint8Array([1]) }));
    const statuses = await collect(updates.watchStatuses({ regions: ['x'] }));

    expect(ids.frames.map(({ frame }) => frame.case)).toEqual(['hello', 'changes']);
    expect(ids.error.code).toBe(Code.Unavailable);
    expect(reasonIn(ids.error)).toMatchObject({ reason: 'SHUTTING_DOWN', domain: 'deptrans' });
    expect(statuses.frames).toHaveLength(1);
    expect(reasonIn(statuses.error)?.reason).toBe('FILTER_UNKNOWN');
  });

  test('a refusal keeps its code and reason; a bug says nothing of itself', async () => {
    const refused = await failed(createClient(DriverIdService, transport).setDriverId({ deptransId: '' }));
    const bug = await failed(createClient(DiagnosticsService, transport).checkDriver({ parkId: 'bug' }));

    expect(refused.code).toBe(Code.FailedPrecondition);
    expect(reasonIn(refused)).toMatchObject({ reason: 'ID_MISMATCH', domain: 'deptrans' });
    expect(bug.code).toBe(Code.Internal);
    expect(bug.message).not.toContain('123456');
    expect(reasonIn(bug)?.reason).toBe('INTERNAL');
  });

  test('a deadline is kept', async () => {
    await using slow = await openEdge({
      diagnostics: {
        checkDriver: (_, { signal }) => new Promise((_resolve, reject) => onAbort(signal, () => reject(signal.reason))), // or it is over already
      },
    });
    const client = createClient(DiagnosticsService, make(slow.url));
    // The headers alone: a caller who looks at his own clock too would be another who may notice it first.
    const headers = { 'connect-timeout-ms': '50', 'grpc-timeout': '50m' };
    expect((await failed(client.checkDriver({}, { headers }))).code).toBe(Code.DeadlineExceeded);
    const counted = { 'deptrans.v1.DiagnosticsService/CheckDriver deadline_exceeded': 1 };
    await expect.poll(slow.counted).toEqual(counted);
  });
});

test.each([
  [
    'Connect',
    (baseUrl: string) =>
      createConnectTransport({
        baseUrl,
        httpVersion: '1.1',
        sendCompression: compressionGzip,
        compressMinBytes: 0,
        useBinaryFormat: false,
      }),
  ],
  [
    'gRPC',
    (baseUrl: string) => createGrpcTransport({ baseUrl, sendCompression: compressionGzip, compressMinBytes: 0 }),
  ],
] as const)('requests compressed by gzip are read over %s', async (_name, make) => {
  const ids = createClient(DriverIdService, make(edge.url));
  expect((await ids.setDriverId({ deptransId: '5' })).id?.deptransId).toBe('5//null');
  const stream = await collect(createClient(IncrementalUpdatesService, make(edge.url)).watchIds({}));
  expect(stream.frames).toHaveLength(2);
});

test.each(Object.keys(transports))('forty empty requests at once are answered over %s', async (name) => {
  const { getDriverId } = createClient(DriverIdService, transports[name]!(edge.url));
  const all = await Promise.all(Array.from({ length: 40 }, () => getDriverId({})));
  expect(all.map((answer) => toJson(GetDriverIdResponseSchema, answer))).toEqual(
    Array(40).fill(toJson(GetDriverIdResponseSchema, answers.id)),
  );
});

test('large unary answers are compressed for who accepts it, streams never', async () => {
  const records = Array.from({ length: 500 }, (_, i) => ({ parkId: 'park', driverId: `driver ${i}` }));
  await using large = await openEdge({ incrementalUpdates: { listIdUpdates: () => ({ ids: records }) } });
  const call = (url: string, type: string, body: string | Buffer) =>
    fetch(`${large.url}/deptrans.v1.IncrementalUpdatesService/${url}`, {
      method: 'POST',
      headers: { 'content-type': type, 'accept-encoding': 'gzip', 'connect-accept-encoding': 'gzip' },
      body,
    });
  const page = await call('ListIdUpdates', 'application/json', '{}');
  const stream = await call('WatchIds', 'application/connect+json', Buffer.from([0, 0, 0, 0, 2, 0x7b, 0x7d]));

  expect(page.headers.get('content-encoding')).toBe('gzip');
  expect(await page.json()).toMatchObject({
    ids: expect.arrayContaining([{ parkId: 'park', driverId: 'driver 499' }]),
  });
  expect(stream.headers.get('connect-content-encoding')).toBeNull();
  expect(await stream.text()).toContain('"throughSeq":"3"');
});
