import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ServerReflection, type ServerReflectionRequest } from '../../gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as Alpha } from '../../gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { type Edge, openEdge } from '../support/edge.ts';

let edge: Edge;
let emptyFolder: string;
beforeAll(async () => {
  edge = await openEdge();
  emptyFolder = await mkdtemp(join(tmpdir(), 'edge-'));
});
afterAll(async () => {
  await edge.close(0);
  await rm(emptyFolder, { recursive: true });
});

type Ask = ServerReflectionRequest['messageRequest'];

async function reflect(service: typeof ServerReflection | typeof Alpha, ...asks: Ask[]) {
  const client = createClient(service as typeof ServerReflection, createGrpcTransport({ baseUrl: edge.url }));
  const requests = createAsyncIterable(asks.map((messageRequest) => ({ host: 'h', messageRequest })));
  const answers = [];
  for await (const { messageResponse, validHost } of client.serverReflectionInfo(requests)) {
    expect(validHost).toBe('h');
    answers.push(messageResponse);
  }
  return answers;
}

const symbol = (value: string): Ask => ({ case: 'fileContainingSymbol', value });
const names = (answer: Awaited<ReturnType<typeof reflect>>[number] | undefined) =>
  answer?.case === 'fileDescriptorResponse'
    ? answer.value.fileDescriptorProto
        .map((bytes) => fromBinary(FileDescriptorProtoSchema as DescMessage, bytes))
        .map((file) => (file as unknown as { name: string }).name)
    : answer;

test.each([
  ['v1', ServerReflection],
  ['v1alpha', Alpha],
] as const)('%s lists the services', async (_name, service) => {
  const [answer] = await reflect(service, { case: 'listServices', value: '*' });
  expect(answer?.case === 'listServicesResponse' && answer.value.service.map(({ name }) => name)).toEqual([
    'deptrans.v1.DiagnosticsService',
    'deptrans.v1.DriverIdService',
    'deptrans.v1.IncrementalUpdatesService',
    'deptrans.v1.OperationsService',
    'deptrans.v1.PolicyService',
    'deptrans.v1.StatusIngestService',
    'deptrans.v1.SupplyService',
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
  ]);
});

test('a file comes first, with those of its dependencies that the stream has not had', async () => {
  const [first, second] = await reflect(
    ServerReflection,
    symbol('deptrans.v1.DriverIdService'),
    symbol('deptrans.v1.StatusIngestService.ReportStatuses'),
  );
  expect(names(first)).toEqual([
    'deptrans/v1/driver_id.proto',
    'google/api/annotations.proto',
    'google/api/http.proto',
    'google/protobuf/descriptor.proto',
    'google/protobuf/timestamp.proto',
  ]);
  expect(names(second)).toEqual(['deptrans/v1/status_ingest.proto', 'deptrans/v1/records.proto']);
});

test.each([
  ['deptrans.v1.SetDriverIdRequest', 'deptrans/v1/driver_id.proto'],
  ['deptrans.v1.SetDriverIdRequest.deptrans_id', 'deptrans/v1/driver_id.proto'],
  ['deptrans.v1.DriverId.State', 'deptrans/v1/driver_id.proto'],
  ['deptrans.v1.DriverId.STATE_BOUND', 'deptrans/v1/driver_id.proto'],
  ['deptrans.v1.CHECK_SESSION', 'deptrans/v1/diagnostics.proto'],
  ['deptrans.v1.WatchIdsResponse.frame', 'deptrans/v1/incremental_updates.proto'],
  ['google.api.http', 'google/api/annotations.proto'],
])('it finds %s', async (name, file) => {
  expect(names((await reflect(ServerReflection, symbol(name)))[0])).toEqual(expect.arrayContaining([file]));
});

test('files by name and extensions are found; what is not known is an answer, and the stream goes on', async () => {
  const answers = await reflect(
    ServerReflection,
    { case: 'fileByFilename', value: 'no.proto' },
    symbol('no.Such'),
    symbol('__proto__'),
    { case: undefined },
    {
      case: 'fileContainingExtension',
      value: {
        $typeName: 'grpc.reflection.v1.ExtensionRequest',
        containingType: 'google.protobuf.MethodOptions',
        extensionNumber: 72_295_728,
      },
    },
    { case: 'allExtensionNumbersOfType', value: 'google.protobuf.MethodOptions' },
    { case: 'allExtensionNumbersOfType', value: 'deptrans.v1.DriverId' },
    { case: 'fileByFilename', value: 'health/v1/health.proto' },
  );
  expect(answers.slice(0, 4)).toMatchObject(
    [5, 5, 5, 3].map((errorCode) => ({ case: 'errorResponse', value: { errorCode } })),
  );
  expect(names(answers[4])).toContain('google/api/annotations.proto');
  expect(answers[5]).toMatchObject({ value: { extensionNumber: [72_295_728] } });
  expect(answers[6]).toMatchObject({ value: { extensionNumber: [] } });
  expect(names(answers[7])).toEqual(['health/v1/health.proto']);
});

const run = promisify(execFile);
const buf = (...args: string[]) => run(resolve('node_modules/.bin/buf'), ['curl', ...args], { cwd: emptyFolder });

test('buf curl needs no schema and no flag', async () => {
  const { stdout } = await buf('-d', '{"parkId": "p"}', `${edge.url}/deptrans.v1.DiagnosticsService/CheckDriver`);
  expect(JSON.parse(stdout)).toMatchObject({ verdicts: [{ reason: 'VERDICT_REASON_NO_SESSION' }] });
  const watch = buf(`${edge.url}/deptrans.v1.IncrementalUpdatesService/WatchIds`);
  expect((await watch.catch((error: { stdout: string }) => error)).stdout).toContain('"throughSeq": "3"');
});

test.each(['connect', 'grpc', 'grpcweb'])('buf curl needs no schema: a stream over %s and HTTP/2', async (protocol) => {
  const watch = buf(
    '--http2-prior-knowledge',
    '--protocol',
    protocol,
    `${edge.url}/deptrans.v1.IncrementalUpdatesService/WatchIds`,
  );
  const { stdout, stderr } = await watch.catch((error: { stdout: string; stderr: string }) => error);
  expect(stdout).toContain('"throughSeq": "3"');
  expect(stderr).toContain('unavailable');
});

test('buf curl lists the methods', async () => {
  const { stdout } = await buf('--http2-prior-knowledge', '--list-methods', edge.url);
  expect(stdout).toContain('deptrans.v1.IncrementalUpdatesService/WatchIds');
});
