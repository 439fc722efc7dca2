import { type DescMethod, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { encodeEnvelope } from '@connectrpc/connect/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  IncrementalUpdatesService,
  type WatchIdsRequest,
  type WatchIdsResponse,
  WatchIdsResponseSchema,
} from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { refuse } from '../../src/api/errors.ts';
import type { FrameStream } from '../../src/api/frame-handler.ts';
import { onAbort } from '../../src/runtime/on-abort.ts';
import { answers, type Edge, openEdge, transports } from '../support/edge.ts';

const encoded = answers.idFrames.map((message) => encodeEnvelope(0, toBinary(WatchIdsResponseSchema, message)));
const { watchIds } = IncrementalUpdatesService.method;

let edge: Edge;
let made = 0;
/** Answers by the cursor's first byte: 1 = refused after the frames, 2 = a bug, 3 = open until its signal aborts, else it ends. */
const frames: FrameStream = async function* (request, signal) {
  made += 1;
  yield* encoded;
  const [kind] = (request as WatchIdsRequest).cursor;
  if (kind === 1) throw refuse('SHUTTING_DOWN');
  if (kind === 2) throw new Error('licence "9901 123456" is broken');
  if (kind !== 3) return;
  await new Promise<void>((resolve) => onAbort(signal, resolve));
  signal.throwIfAborted();
};

const open = () => openEdge({}, { frames: new Map<DescMethod, FrameStream>([[watchIds, frames]]) });
beforeAll(async () => {
  edge = await open();
});
afterAll(() => edge.close(0));

test.each(Object.entries(transports))('frames arrive as the messages that they are: %s', async (name, make) => {
  const before = made;
  const { messages, error } = await watch(make(edge.url), 1);

  expect(messages.map(({ frame }) => frame)).toEqual(answers.idFrames.map(({ frame }) => frame));
  expect(error?.code).toBe(Code.Unavailable);
  expect(error?.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: 'SHUTTING_DOWN', domain: 'deptrans' });
  expect(made - before).toBe(name.includes('JSON') ? 0 : 1);
});

const binary = Object.entries(transports).filter(([name]) => !name.includes('JSON'));

describe.each(binary)('%s', (_name, make) => {
  let transport: Transport;
  beforeAll(() => {
    transport = make(edge.url);
  });

  test('a stream ends well, says nothing of a bug, and keeps a deadline', async () => {
    expect(await watch(transport, 0)).toMatchObject({ messages: [{}, {}], error: null });

    const bug = await watch(transport, 2);
    expect(bug.error?.code).toBe(Code.Internal);
    expect(bug.error?.message).not.toContain('123456');

    const late = await watch(transport, 3, { timeoutMs: 100 });
    expect(late.error?.code).toBe(Code.DeadlineExceeded);
  });

  test('a caller who leaves ends the stream', async () => {
    await using own = await open();
    const leaving = new AbortController();
    const client = createClient(IncrementalUpdatesService, make(own.url));
    const stream = client.watchIds({ cursor: new Uint8Array([3]) }, { signal: leaving.signal });
    await stream[Symbol.asyncIterator]().next();
    leaving.abort();

    await expect.poll(own.counted).toEqual({ [`${watchIds.parent.typeName}/WatchIds canceled`]: 1 });
  });
});

test.each([
  ['application/grpc', { 'grpc-timeout': 'soon' }],
  ['application/connect+proto', { 'connect-content-encoding': 'br' }],
] as const)('what is odd about a request is left to the library to refuse: %s', async (type, header) => {
  const before = made;
  const response = await fetch(`${edge.url}/deptrans.v1.IncrementalUpdatesService/WatchIds`, {
    method: 'POST',
    headers: { 'content-type': type, ...header },
    body: Buffer.from([0, 0, 0, 0, 0]),
  });
  await response.arrayBuffer();
  expect(made).toBe(before);
});

const watch = (transport: Transport, kind: number, options: { timeoutMs?: number } = {}) =>
  collect(createClient(IncrementalUpdatesService, transport).watchIds({ cursor: new Uint8Array([kind]) }, options));

async function collect(stream: AsyncIterable<WatchIdsResponse>) {
  const messages: WatchIdsResponse[] = [];
  try {
    for await (const message of stream) messages.push(message);
  } catch (error) {
    return { messages, error: ConnectError.from(error) };
  }
  return { messages, error: null };
}
