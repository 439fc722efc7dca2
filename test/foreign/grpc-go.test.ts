import { execFile } from 'node:child_process';
import { type DescMethod, fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Health } from '../../gen/health/v1/health_pb.ts';
import type { Listener } from '../../src/runtime/listener.ts';
import { openStillStub } from '../stub/examples.ts';
import { callBy, framesOf, headersOf, methods, requestOf } from '../support/every-method.ts';
import { buildGrpcGo } from './go.ts';

/** What the program says of a call. */
type Said = { answers: JsonValue[]; code: string; reason: string };

let built: Awaited<ReturnType<typeof buildGrpcGo>>;
let stub: Listener;
/** Another one, for what is expected: a stub remembers the id that was set. */
let untouched: Listener;
beforeAll(async () => {
  built = await buildGrpcGo();
  [stub, untouched] = await Promise.all([openStillStub(), openStillStub()]);
}, 1_800_000);
afterAll(() => Promise.all([stub.close(0), untouched.close(0)]));

/** Calls methods one after the other over one connection of grpc-go. Returns the results as `callBy` shows them. */
async function callByGrpcGo(asked: readonly DescMethod[], more: Record<string, string> = {}): Promise<JsonValue[]> {
  const calls = asked.map((method) => {
    const request = toJson(method.input, fromJson(method.input, requestOf(method) as JsonValue));
    const headers = { ...headersOf(method), ...more };
    return { service: method.parent.typeName, method: method.name, request, headers, frames: framesOf(method) };
  });
  const said = await new Promise<Said[]>((resolve, reject) => {
    const child = execFile(built.program, [built.contract, `127.0.0.1:${stub.port}`], (error, stdout, stderr) => {
      if (error) reject(new Error(stderr, { cause: error }));
      else resolve(JSON.parse(stdout));
    });
    child.stdin!.end(JSON.stringify(calls));
  });
  return said.map(({ answers, code, reason }, i) => {
    const { output } = asked[i]!;
    const shown = answers.map((answer) => toJson(output, fromJson(output, answer)));
    return code === 'OK' ? { answers: shown } : { answers: shown, refused: `${code} ${reason}` };
  });
}

const named = (results: readonly JsonValue[], of: readonly DescMethod[]) =>
  Object.fromEntries(of.map(({ parent, name }, i) => [`${parent.typeName}/${name}`, results[i]]));

test('grpc-go gets what connect-es gets from every method, calls and streams', async () => {
  const transport = createGrpcTransport({ baseUrl: untouched.url });
  const expected: JsonValue[] = [];
  for (const method of methods) expected.push(await callBy(transport, method));
  expect(named(await callByGrpcGo(methods), methods)).toEqual(named(expected, methods));
});

test('grpc-go is told the code and the reason of a refusal by every method', async () => {
  const ours = methods.filter(({ parent }) => parent !== Health);
  const expected = ours.map(() => ({ answers: [], refused: 'Aborted CONFLICT' }));
  expect(named(await callByGrpcGo(ours, { 'x-stub-answer': 'conflict' }), ours)).toEqual(named(expected, ours));
});
