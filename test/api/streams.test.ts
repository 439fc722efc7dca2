import { once } from 'node:events';
import http2 from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test, vi } from 'vitest';
import {
  Hello_Mode,
  WatchStatusesRequestSchema,
  WatchStatusesResponseSchema,
} from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { RetryInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { openTestDatabase } from '../support/database.ts';
import { openFeedApi } from '../support/feed/api.ts';
import { Consumer } from '../support/feed/consumer.ts';
import { PATIENCE } from '../support/feed/open-test-feed.ts';
import { plainRecords } from '../support/feed/plain-records.ts';
import { refusalOf } from '../support/feed/refusal.ts';
import { addPeople, readRecords, setSessions } from '../support/feed/world.ts';
import { heldBytes } from '../support/held-bytes.ts';

const WATCH = '/deptrans.v1.IncrementalUpdatesService/WatchStatuses';

/** Both ends of the connections are in this process: where it hardly comes to its turn, that nothing is taken is no fault of the client. */
const PATIENT = { stallMs: 3_600_000, pingIntervalMs: 600_000 };

/** A gRPC stream of shifts by hand: nothing of it is read before the caller does. */
function openRaw(session: http2.ClientHttp2Session, cursor = new Uint8Array(0)): http2.ClientHttp2Stream {
  const headers = { ':method': 'POST', ':path': WATCH, 'content-type': 'application/grpc', te: 'trailers' };
  const stream = session.request(headers);
  stream.on('error', () => {});
  const message = toBinary(WatchStatusesRequestSchema, create(WatchStatusesRequestSchema, { cursor }));
  const envelope = Buffer.alloc(5 + message.length);
  envelope.writeUInt32BE(message.length, 1);
  envelope.set(message, 5);
  stream.end(envelope);
  return stream;
}

function openSession(url: string): http2.ClientHttp2Session {
  const session = http2.connect(url);
  session.on('error', () => {});
  return session;
}

test('10,000 streams of one client: as many as are allowed, the others refused at once, nobody else disturbed', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 50);
  await setSessions(db, people);
  await using api = await openFeedApi(db, { maxStreams: 101, heartbeatIntervalMs: 1_000 }, PATIENT);
  const other = new Consumer();
  const watching = (async () => {
    for await (const frame of api.updates.watchStatuses({})) other.take(frame);
  })();
  watching.catch(() => {}); // ends with the server
  await vi.waitFor(() => expect(other.cases()).toContain('heartbeat'), PATIENCE);

  const sessions = Array.from({ length: 4 }, () => openSession(api.url));
  const outcomes = new Map<string, number>();
  /** Resolves when a stream has begun, or ended: how. */
  const outcomeOf = (stream: http2.ClientHttp2Stream) =>
    new Promise<string>((resolve) => {
      stream.once('data', () => resolve('accepted'));
      stream.once('trailers', ({ 'grpc-status': code, 'grpc-message': message }) =>
        resolve(`${Code[Number(code)]} ${decodeURIComponent(String(message))}`),
      );
      stream.once('close', () => resolve(`closed with ${stream.rstCode}`));
    });
  for (let i = 0; i < 10_000; i += 500) {
    const some = Array.from({ length: 500 }, (_, k) => outcomeOf(openRaw(sessions[k % 4]!)));
    for (const how of await Promise.all(some)) outcomes.set(how, (outcomes.get(how) ?? 0) + 1);
  }
  const tooMany = 'ResourceExhausted This instance has as many streams as it takes';
  expect(Object.fromEntries(outcomes)).toEqual({ accepted: 100, [tooMany]: 9_900 });

  const head = (await setSessions(db, people, { region: 'tver' }))!;
  await vi.waitFor(() => expect(other.position).toBe(BigInt(head)), PATIENCE);
  expect(plainRecords(other.copy)).toEqual(await readRecords(db, 'statuses'));
  const late = api.updates.watchStatuses({})[Symbol.asyncIterator]();
  const error = await late.next().then(
    () => null,
    (reason: unknown) => ConnectError.from(reason),
  );
  const retry = error?.findDetails(RetryInfoSchema)[0]?.retryDelay;
  expect(Number(retry?.seconds)).toBeGreaterThanOrEqual(5);
  for (const session of sessions) session.destroy();
  const welcome = async () => {
    const stream = api.updates.watchStatuses({})[Symbol.asyncIterator]();
    expect((await stream.next()).value).toMatchObject({ frame: { case: 'hello' } });
    await stream.return?.();
  };
  await vi.waitFor(welcome, PATIENCE);
}, 900_000);

test('who reads nothing costs a chunk, is cut off when a write has stalled, and goes on where it was', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 6_000);
  await setSessions(db, people);
  await using api = await openFeedApi(db, {}, { stallMs: 4_000 });
  const reader = new Consumer();
  const reading = (async () => {
    for await (const frame of api.updates.watchStatuses({})) reader.take(frame);
  })();
  reading.catch(() => {});
  const session = openSession(api.url);
  const before = heldBytes();
  const deaf = Array.from({ length: 60 }, () => openRaw(session));
  await vi.waitFor(() => expect(reader.cases()).toContain('heartbeat'), PATIENCE);
  // 60 snapshots of 800 KB would be 48 MB; both ends of the connections are in this process.
  expect(heldBytes() - before).toBeLessThan(30 * 1024 * 1024);
  if (!session.destroyed) await once(session, 'close');
  expect(deaf.every(({ destroyed }) => destroyed)).toBe(true);

  const head = (await setSessions(db, people.slice(0, 10), { region: 'tver' }))!;
  await vi.waitFor(() => expect(reader.position).toBe(BigInt(head)), PATIENCE);
  expect(reader.cases().filter((name) => name === 'hello')).toHaveLength(1);
});

test('snapshots beyond what can be sent at once are told when to come back; whoever has a cursor is let in', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 6_000);
  await setSessions(db, people);
  await using api = await openFeedApi(db, { maxSnapshots: 1 }, PATIENT);
  const { cursor } = await api.updates.listStatusUpdates({ limit: 100 });
  const first = new Consumer();
  const session = openSession(api.url);
  const raw = openRaw(session);
  await once(raw, 'readable'); // its snapshot has begun and waits for its reader
  const refusedWith = async () => {
    try {
      await api.updates.watchStatuses({})[Symbol.asyncIterator]().next();
      return null;
    } catch (error) {
      return ConnectError.from(error);
    }
  };
  const refused = await refusedWith();
  expect(await refusalOf(Promise.reject(refused))).toBe('Unavailable SNAPSHOTS_BUSY');
  const { seconds = 0n } = refused!.findDetails(RetryInfoSchema)[0]!.retryDelay!;
  expect([1n, 2n]).toContain(seconds);
  const resumed = api.updates.watchStatuses({ cursor })[Symbol.asyncIterator]();
  expect((await resumed.next()).value).toMatchObject({
    frame: { case: 'hello', value: { mode: Hello_Mode.CATCH_UP } },
  });
  await resumed.return?.();

  let rest = Buffer.alloc(0);
  for await (const part of raw) {
    rest = Buffer.concat([rest, part as Buffer]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const end = 5 + rest.readUInt32BE(1);
      first.take(fromBinary(WatchStatusesResponseSchema, rest.subarray(5, end)));
      rest = rest.subarray(end);
    }
    if (first.cases().includes('snapshotEnd')) break;
  }
  expect(first.copy.size).toBe(6_000);
  await vi.waitFor(async () => expect(await refusedWith()).toBeNull(), PATIENCE);
  session.destroy();
});

test('a stream of the greatest age is sent away, and its cursor goes on without a reset', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await setSessions(db, await addPeople(db, 3));
  await using api = await openFeedApi(db, { maxStreamAgeMs: 200 });
  const consumer = new Consumer();
  const watchOnce = async () => {
    consumer.reconnect();
    for await (const frame of api.updates.watchStatuses({ cursor: consumer.cursor })) consumer.take(frame);
  };
  expect(await refusalOf(watchOnce())).toBe('Unavailable STREAM_AGED');
  expect(consumer.cases().at(-1)).toBe('goAway');
  expect(await refusalOf(watchOnce())).toBe('Unavailable STREAM_AGED');
  expect(consumer.frames[0]).toMatchObject({ frame: { case: 'hello', value: { mode: Hello_Mode.RESUME } } });
});

test('a server that stops drains its sessions: go_away on each stream, then the connection ends, before any grace is over', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await setSessions(db, await addPeople(db, 3));
  await using api = await openFeedApi(db);
  const session = openSession(api.url);
  const streams = Array.from({ length: 5 }, () => openRaw(session));
  const ends = streams.map(async (stream) => {
    const trailers = once(stream, 'trailers') as Promise<[http2.IncomingHttpHeaders]>;
    const bytes = Buffer.concat(await stream.toArray());
    return { status: (await trailers)[0]['grpc-status'], bytes };
  });
  await vi.waitFor(async () => {
    const text = await api.feed.metrics.registry.getSingleMetricAsString('deptrans_feed_watchers');
    expect(text).toContain('"statuses"} 5');
  }, PATIENCE);
  const closed = once(session, 'close');
  api.feed.lifetime.stop(600_000);
  await Promise.all([api.edge.close(600_000), closed]);
  for (const { status, bytes } of await Promise.all(ends)) {
    expect(status).toBe(String(Code.Unavailable));
    let last = bytes;
    while (last.length > 5 + last.readUInt32BE(1)) last = last.subarray(5 + last.readUInt32BE(1));
    const { frame } = fromBinary(WatchStatusesResponseSchema, last.subarray(5));
    expect(frame.case).toBe('goAway');
  }
});
