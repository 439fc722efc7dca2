import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { create, type DescMethod, type DescService, getOption, hasOption } from '@bufbuild/protobuf';
import { Code, ConnectError, createContextValues, type Transport } from '@connectrpc/connect';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { http } from '../../gen/google/api/annotations_pb.ts';
import { ServerReflection } from '../../gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionAlpha } from '../../gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { Health } from '../../gen/health/v1/health_pb.ts';
import { ACCESS, rulesOf } from '../../src/api/access.ts';
import { ANN, CANDIDATES, type Callers, openCallers, unsigned } from '../support/callers.ts';
import { type Edge, openEdge } from '../support/edge.ts';

/**
 * What each method answers to each kind of caller, by hand: `-` unauthenticated, `x` permission_denied, `+` let in. Columns: nobody; a token
 * for another audience, expired, not yet valid, of another algorithm, of none, by an unknown key; another driver (a driver's token that comes with
 * the headers of another one; for what is not for drivers, a driver's own token); a service that is not listed; who is listed.
 */
const EXPECTED: Record<string, string> = {
  'deptrans.v1.DriverIdService/GetDriverId': '- - - - - - - x x +',
  'deptrans.v1.DriverIdService/SetDriverId': '- - - - - - - x x +',
  'deptrans.v1.IncrementalUpdatesService/WatchIds': '- - - - - - - x x +',
  'deptrans.v1.IncrementalUpdatesService/WatchStatuses': '- - - - - - - x x +',
  'deptrans.v1.IncrementalUpdatesService/ListIdUpdates': '- - - - - - - x x +',
  'deptrans.v1.IncrementalUpdatesService/ListStatusUpdates': '- - - - - - - x x +',
  'deptrans.v1.DiagnosticsService/CheckDriver': '- - - - - - - x x +',
  'deptrans.v1.DiagnosticsService/CheckDrivers': '- - - - - - - x x +',
  'deptrans.v1.DiagnosticsService/GetDriverIds': '- - - - - - - x x +',
  'deptrans.v1.DiagnosticsService/ExplainDriver': '- - - - - - - x x +',
  'deptrans.v1.StatusIngestService/ReportStatuses': '- - - - - - - x x +',
  'deptrans.v1.OperationsService/Status': '- - - - - - - x x +',
  'deptrans.v1.OperationsService/Explain': '- - - - - - - x x +',
  'deptrans.v1.OperationsService/ListParked': '- - - - - - - x x +',
  'deptrans.v1.OperationsService/Wake': '- - - - - - - x x +',
  'deptrans.v1.OperationsService/ListQuarantine': '- - - - - - - x x +',
  'deptrans.v1.OperationsService/Replay': '- - - - - - - x x +',
  'deptrans.v1.OperationsService/PauseDelivery': '- - - - - - - x x +',
  'deptrans.v1.OperationsService/ResumeDelivery': '- - - - - - - x x +',
  'deptrans.v1.OperationsService/DrainRegion': '- - - - - - - x x +',
  'deptrans.v1.OperationsService/ExportExchanges': '- - - - - - - x x +',
  'deptrans.v1.OperationsService/ListDifferences': '- - - - - - - x x +',
  'deptrans.v1.PolicyService/Get': '- - - - - - - x x +',
  'deptrans.v1.PolicyService/Put': '- - - - - - - x x +',
  'deptrans.v1.PolicyService/History': '- - - - - - - x x +',
  'deptrans.v1.PolicyService/Suspend': '- - - - - - - x x +',
  'deptrans.v1.PolicyService/Resume': '- - - - - - - x x +',
  'deptrans.v1.PolicyService/ListStepBacks': '- - - - - - - x x +',
  'deptrans.v1.PolicyService/EndStepBack': '- - - - - - - x x +',
  'deptrans.v1.SupplyService/GetLoss': '- - - - - - - x x +',
  'deptrans.v1.SupplyService/Preview': '- - - - - - - x x +',
  'grpc.health.v1.Health/Check': '+ + + + + + + + + +',
  'grpc.health.v1.Health/List': '+ + + + + + + + + +',
  'grpc.health.v1.Health/Watch': '+ + + + + + + + + +',
  'grpc.reflection.v1.ServerReflection/ServerReflectionInfo': '+ + + + + + + + + +',
  'grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': '+ + + + + + + + + +',
};

const SIGNS: Partial<Record<Code, string>> = { [Code.Unauthenticated]: '-', [Code.PermissionDenied]: 'x' };

const methods = new Map(
  (await servicesOfContract()).flatMap(({ methods }) => methods).map((one) => [nameOf(one), one]),
);

let callers: Callers;
let edge: Edge;
const transports = new Map<string, Transport>();

beforeAll(async () => {
  callers = await openCallers();
  const watched = methods.get('deptrans.v1.IncrementalUpdatesService/WatchIds')!;
  // One stream of encoded frames: it goes past the library's handler, and must not go past us.
  edge = await openEdge({}, { auth: callers.auth, frames: new Map([[watched, async function* () {}]]) });
  transports.set('Connect', createConnectTransport({ baseUrl: edge.url, httpVersion: '2', useBinaryFormat: false }));
  transports.set('gRPC', createGrpcTransport({ baseUrl: edge.url }));
});
afterAll(async () => {
  await edge?.close(0);
  await callers?.[Symbol.asyncDispose]();
});

test('each method of the contract and each method that is served has a row, and no other', () => {
  expect(Object.keys(EXPECTED).sort()).toEqual([...methods.keys()].sort());
});

test.each(Object.entries(EXPECTED))('%s answers each kind of caller as the table says', async (name, expected) => {
  const method = methods.get(name)!;
  const kinds = await credentialsFor(name);
  for (const [protocol, transport] of transports) {
    const answers: string[] = [];
    for (const header of kinds) answers.push(await signOf(transport, method, header));
    expect(answers.join(' '), protocol).toBe(expected);
  }
  if (!hasOption(method, http)) return;
  const answers: string[] = [];
  for (const header of kinds) answers.push(await restSignOf(method, header));
  expect(answers.join(' '), 'REST').toBe(expected);
});

test('the log names services and engineers, and no driver', async () => {
  const { lines } = edge;
  lines.length = 0;
  const ask = async (token: string) => {
    const transport = transports.get('Connect')!;
    for (const name of ['DriverIdService/GetDriverId', 'DiagnosticsService/CheckDriver'])
      await signOf(transport, methods.get(`deptrans.v1.${name}`)!, bearing(token));
  };
  await ask(await callers.token({ kind: 'driver', parkId: 'p', driverId: 'driver-of-canary' }));
  await ask(await callers.token(CANDIDATES));
  const named = () => lines.flatMap((line) => /(?:GetDriverId|CheckDriver)","by":"(.*?)"/.exec(line)?.[1] ?? []);
  await expect.poll(named).toEqual(['driver', 'nobody', 'nobody', 'candidates']);
  expect(lines.join()).not.toContain('canary');
});

test('nothing starts without a rule for each method, nor with a rule for none', () => {
  const all = [...methods.values()];
  const paths = ['/healthz', '/readyz'];
  const { 'deptrans.v1.OperationsService/Wake': _, ...less } = ACCESS;
  expect(() => rulesOf(all, paths, less)).toThrow('deptrans.v1.OperationsService/Wake');
  expect(() => rulesOf(all, [...paths, '/dump'])).toThrow('GET /dump');
  expect(() => rulesOf(all, paths, { ...ACCESS, 'deptrans.v1.OperationsService/Gone': 'anyone' })).toThrow('Gone');
});

type Headers_ = Record<string, string>;

/** A request's headers for each column. */
async function credentialsFor(name: string): Promise<Headers_[]> {
  const nowS = Math.floor(Date.now() / 1_000);
  const forDrivers = name.includes('DriverIdService');
  const side = forDrivers ? 'drivers' : 'services';
  const sub = listedFor(name);
  const claims = sub === '' ? {} : { sub, kind: FOR_ENGINEERS.test(name) ? 'engineer' : 'service' };
  const good = await callers.forge({ side, claims });
  const tokens = [
    await callers.forge({ side, claims: { ...claims, aud: 'another' } }),
    await callers.forge({ side, claims: { ...claims, exp: nowS - 60 } }),
    await callers.forge({ side, claims: { ...claims, nbf: nowS + 600 } }),
    await callers.forge({ side, claims, by: 'public' }),
    unsigned(good),
    await callers.forge({ side, claims, by: 'unknown' }),
  ].map(bearing);
  const driver = bearing(await callers.token(ANN));
  const other = { 'x-yataxi-park-id': 'p', 'x-yataxi-driver-profile-id': 'other' };
  const stranger = { kind: 'service', name: name.includes('Ingest') ? 'candidates' : 'driver-status' } as const;
  return [
    {},
    ...tokens,
    forDrivers ? { ...driver, ...other } : driver,
    bearing(await callers.token(stranger)),
    bearing(good),
  ];
}

const FOR_ENGINEERS = /Operations|Policy|ExplainDriver|Preview/;

function listedFor(name: string): string {
  if (name.includes('DriverIdService')) return '';
  if (name.includes('Ingest')) return 'driver-status';
  return FOR_ENGINEERS.test(name) ? 'ann@oncall' : 'candidates';
}

function bearing(token: string): Headers_ {
  return { authorization: `Bearer ${token}` };
}

async function signOf(transport: Transport, method: DescMethod, header: Headers_): Promise<string> {
  const leave = new AbortController();
  try {
    const input = create(method.input);
    if (method.methodKind === 'unary') {
      await transport.unary(method as never, leave.signal, 60_000, header, input as never, createContextValues());
      return '+';
    }
    const answer = await transport.stream(
      method as never,
      leave.signal,
      60_000,
      header,
      createAsyncIterable([input]) as never,
    );
    for await (const _ of answer.message) break;
    return '+';
  } catch (error) {
    const { code } = ConnectError.from(error);
    return SIGNS[code] ?? (code === Code.Unavailable || code === Code.InvalidArgument ? '+' : Code[code]);
  } finally {
    leave.abort();
  }
}

async function restSignOf(method: DescMethod, headers: Headers_): Promise<string> {
  const { pattern } = getOption(method, http);
  const post = pattern.case === 'post';
  const answer = await fetch(edge.url + String(pattern.value), {
    method: post ? 'POST' : 'GET',
    headers: { 'content-type': 'application/json', ...headers },
    ...(post && { body: '{}' }),
  });
  const { code } = (await answer.json()) as { code?: string };
  if (answer.status === 401) return code === 'unauthenticated' ? '-' : '?';
  if (answer.status === 403) return code === 'permission_denied' ? 'x' : '?';
  return answer.ok ? '+' : String(answer.status);
}

/** All services of the contract, wherever they are, and those of others that are served beside them. */
async function servicesOfContract(): Promise<DescService[]> {
  const folder = join(import.meta.dirname, '../../gen/deptrans/v1');
  const modules = await Promise.all(readdirSync(folder).map((file) => import(join(folder, file)) as Promise<object>));
  const ours = modules
    .flatMap((module) => Object.values(module) as DescService[])
    .filter((one) => one.kind === 'service');
  return [...ours, Health, ServerReflection, ServerReflectionAlpha];
}

function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}
