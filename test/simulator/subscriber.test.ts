import { createServer, type Http2Server } from 'node:http2';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  IncrementalUpdatesService,
  Reset_Reason,
  type WatchIdsResponse,
  WatchIdsResponseSchema,
} from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { openSubscriber, type Subscriber } from '../../simulator/subscriber/open-subscriber.ts';
import { until } from '../support/until.ts';

type IdFrame = NonNullable<MessageInitShape<typeof WatchIdsResponseSchema>['frame']>;

let server: Http2Server;
let url: string;
let subscriber: Subscriber;
let cursors: string[];
let scripts: IdFrame[][];

/** Plays one script per connection to the feed of ids, then breaks the stream; the last one stays open. */
async function* play(cursor: Uint8Array, signal: AbortSignal): AsyncGenerator<WatchIdsResponse> {
  cursors.push(Buffer.from(cursor).toString());
  const script = scripts.shift() ?? [];
  for (const frame of script) yield create(WatchIdsResponseSchema, { frame });
  if (scripts.length > 0) throw new ConnectError('bye', Code.Unavailable);
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

beforeEach(async () => {
  cursors = [];
  const handler = connectNodeAdapter({
    routes: (router) =>
      router.service(IncrementalUpdatesService, {
        watchIds: (request, { signal }) => play(request.cursor, signal),
      }),
  });
  server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
});
afterEach(async () => {
  await subscriber.close();
  await new Promise((resolve) => server.close(resolve));
});

const begin: IdFrame = { case: 'snapshotBegin', value: { id: 's' } };
const hello: IdFrame = { case: 'hello', value: { headSeq: 9n, heartbeatIntervalMs: 60_000 } }; // silence is no trouble here
const changes = (
  prevSeq: number,
  throughSeq: number,
  records: [string, number, boolean?][],
  cursor: string,
): IdFrame => ({
  case: 'changes',
  value: {
    prevSeq: BigInt(prevSeq),
    throughSeq: BigInt(throughSeq),
    cursor: Buffer.from(cursor),
    records: records.map(([driverId, seq, deleted = false]) => ({ parkId: 'p', driverId, seq: BigInt(seq), deleted })),
  },
});
const heartbeat = (seq: number, cursor: string): IdFrame => ({
  case: 'heartbeat',
  value: { throughSeq: BigInt(seq), cursor: Buffer.from(cursor), sourceAgeMs: 12n },
});
const drivers = () => [...subscriber.cache].map(({ driverId }) => driverId).sort();

test('keeps a copy by frames, resumes by cursor, and starts anew at a reset', async () => {
  scripts = [
    [
      hello,
      changes(
        0,
        3,
        [
          ['a', 1],
          ['b', 2],
          ['c', 3],
        ],
        'three',
      ),
      heartbeat(4, 'four'),
    ],
    [
      hello,
      changes(
        4,
        6,
        [
          ['b', 5, true],
          ['d', 6],
        ],
        'six',
      ),
    ],
    [hello, { case: 'reset', value: { reason: Reset_Reason.EPOCH } }],
    [
      hello,
      begin,
      changes(
        0,
        2,
        [
          ['x', 1],
          ['y', 2],
        ],
        'two',
      ),
      heartbeat(2, 'two again'),
    ],
  ];
  subscriber = await openSubscriber({ serviceUrl: url, port: 0 });
  await until(() => subscriber.lag().ids.lagMs !== null && String(drivers()) === 'x,y', 'the last copy is whole');
  expect(cursors).toEqual(['', 'four', 'six', '']);
  expect(subscriber.lag().ids).toMatchObject({ resets: 1, records: 2, connects: 4, violations: 0 });
  const copy = (await (await fetch(`${subscriber.url}/copy`)).json()) as { ids: { driver_id: string; seq: string }[] };
  expect(copy.ids.map(({ driver_id, seq }) => [driver_id, seq])).toEqual([
    ['x', '1'],
    ['y', '2'],
  ]);
  const lag = (await (await fetch(`${subscriber.url}/lag`)).json()) as { ids: { lagMs: number } };
  expect(lag.ids.lagMs).toBeGreaterThanOrEqual(12);
  expect(await fetch(`${subscriber.url}/`)).toMatchObject({ status: 404 });
});

test('counts holes and disorder, and loads everything anew if they come again', async () => {
  const hole = changes(5, 7, [['c', 7]], 'seven');
  const disorder = changes(
    3,
    7,
    [
      ['c', 7],
      ['d', 6],
    ],
    'seven',
  );
  scripts = [
    [hello, begin, changes(0, 3, [['a', 1]], 'three'), hole],
    [hello, disorder],
    [hello, begin, changes(0, 8, [['e', 8]], 'eight'), heartbeat(8, 'eight again')],
  ];
  subscriber = await openSubscriber({ serviceUrl: url, port: 0 });
  await until(() => String(drivers()) === 'e', 'everything is loaded anew');
  expect(subscriber.lag().ids).toMatchObject({ violations: 2, throughSeq: 8 });
  expect(cursors).toEqual(['', 'three', '']);
});
