import { type DescMethod, fromJson, getOption, hasOption, type JsonValue, toJson } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { http } from '../../gen/google/api/annotations_pb.ts';
import { Health } from '../../gen/health/v1/health_pb.ts';
import type { Listener } from '../../src/runtime/listener.ts';
import { openStillStub } from '../stub/examples.ts';
import { transports } from '../support/edge.ts';
import { callBy, headersOf, methods, outcomeOf, requestOf } from '../support/every-method.ts';

let stub: Listener;
beforeAll(async () => {
  stub = await openStillStub();
});
afterAll(() => stub.close(0));

/** The same over the REST path of the method. */
async function callByRest(method: DescMethod): Promise<JsonValue> {
  const { pattern } = getOption(method, http);
  const request = toJson(method.input, fromJson(method.input, requestOf(method) as JsonValue)) as object;
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
