import {
  type DescMethod,
  fromJson,
  getOption,
  hasOption,
  type JsonValue,
  type Message,
  toJson,
} from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DiagnosticsService } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { DriverIdService } from '../../gen/deptrans/v1/driver_id_pb.ts';
import { IncrementalUpdatesService } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { OperationsService } from '../../gen/deptrans/v1/operations_pb.ts';
import { PolicyService } from '../../gen/deptrans/v1/policy_pb.ts';
import { StatusIngestService } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { http } from '../../gen/google/api/annotations_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { Health } from '../../gen/health/v1/health_pb.ts';
import type { Listener } from '../../src/runtime/listener.ts';
import { openStillStub } from '../stub/examples.ts';
import { transports } from '../support/edge.ts';

const drivers = [
  { parkId: 'p', driverId: 'pass' },
  { parkId: 'p', driverId: 'nobody' },
];
/** What is asked of each method; the others get an empty message. */
const REQUESTS: Record<string, object> = {
  SetDriverId: { deptransId: '0012345678', idempotencyKey: 'Ключ' },
  ListIdUpdates: { limit: 3 },
  ListStatusUpdates: { limit: 3, regions: ['moscow'] },
  CheckDriver: { ...drivers[0], region: 'moscow', categories: ['econom'] },
  CheckDrivers: { drivers },
  GetDriverIds: { drivers },
  ReportStatuses: { events: [{ parkId: 'p', driverId: 'd', status: 1 }, {}] },
};
/** Frames of a stream that are looked at: of a watch of the feed its beginning, of a watch of health all there is. */
const framesOf = ({ parent }: DescMethod) => (parent === Health ? 1 : 4);
const HEADERS = { 'x-yataxi-park-id': 'park-1', 'x-yataxi-driver-profile-id': 'pass' };
const ENGINEER = { 'x-caller': 'tester' };

const services = [
  DriverIdService,
  IncrementalUpdatesService,
  DiagnosticsService,
  StatusIngestService,
  OperationsService,
  PolicyService,
  Health,
];
const methods = services.flatMap((service): DescMethod[] => service.methods);

let stub: Listener;
beforeAll(async () => {
  stub = await openStillStub();
});
afterAll(() => stub.close(0));

const headersOf = (method: DescMethod) => (method.parent === DriverIdService ? HEADERS : ENGINEER);

/** What a call came to: the answers as JSON, of a stream the first few, and how it was refused. */
async function callBy(transport: Transport, method: DescMethod, more: Record<string, string> = {}): Promise<JsonValue> {
  const request = REQUESTS[method.name] ?? {};
  const header = new Headers({ ...headersOf(method), ...more });
  const answers: Message[] = [];
  try {
    if (method.methodKind === 'unary') {
      answers.push((await transport.unary(method as never, undefined, undefined, header, request as never)).message);
    } else {
      const input = createAsyncIterable([request as never]);
      const { message } = await transport.stream(method as never, undefined, undefined, header, input);
      for await (const frame of message) if (answers.push(frame) === framesOf(method)) break;
    }
  } catch (error) {
    return outcomeOf(method, answers, error);
  }
  return outcomeOf(method, answers, null);
}

function outcomeOf(method: DescMethod, answers: Message[], error: unknown): JsonValue {
  const shown = answers.map((answer) => toJson(method.output, answer));
  if (!error) return { answers: shown };
  const refusal = ConnectError.from(error);
  const reason = refusal.findDetails(ErrorInfoSchema)[0]?.reason ?? '';
  return { answers: shown, refused: `${Code[refusal.code]} ${reason}` };
}

/** The same over the REST path of the method. */
async function callByRest(method: DescMethod): Promise<JsonValue> {
  const { pattern } = getOption(method, http);
  const request = toJson(method.input, fromJson(method.input, (REQUESTS[method.name] ?? {}) as JsonValue)) as object;
  const isGet = pattern.case === 'get';
  const query = isGet
    ? `?${new URLSearchParams(Object.entries(request).flatMap(([k, v]) => [v].flat().map((one): [string, string] => [k, String(one)])))}`
    : '';
  const response = await fetch(`${stub.url}${pattern.value}${query}`, {
    headers: { ...headersOf(method), 'content-type': 'application/json' },
    ...(!isGet && { method: 'POST', body: JSON.stringify(request) }),
  });
  const json = (await response.json()) as Record<string, JsonValue>;
  expect([response.status, json]).toEqual([200, expect.any(Object)]);
  if (typeof json['cursor'] === 'string') json['cursor'] = Buffer.from(json['cursor'], 'base64url').toString('base64');
  return outcomeOf(method, [fromJson(method.output, json)], null);
}

test.each(methods.map((method) => [`${method.parent.typeName}/${method.name}`, method] as const))(
  '%s gives one result over every protocol',
  async (_, method) => {
    const results: Record<string, JsonValue> = {};
    for (const [name, make] of Object.entries(transports)) results[name] = await callBy(make(stub.url), method);
    if (hasOption(method, http)) results['REST'] = await callByRest(method);
    const [first] = Object.values(results);
    expect((first as { answers: unknown[] }).answers).not.toEqual([]);
    for (const [name, result] of Object.entries(results)) expect(result, name).toEqual(first);
  },
);

// Health is another's contract, with codes only.
const ours = methods.filter(({ parent }) => parent !== Health);
test.each(ours.map((method) => [`${method.parent.typeName}/${method.name}`, method] as const))(
  '%s is refused in one way over every protocol',
  async (_, method) => {
    for (const [name, make] of Object.entries(transports)) {
      const result = await callBy(make(stub.url), method, { 'x-stub-answer': 'conflict' });
      expect(result, name).toEqual({ answers: [], refused: 'Aborted CONFLICT' });
    }
  },
);
