import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DriverCache, DriverCacheOptions } from '../../consumer/driver-cache.ts';
import type { Frame } from '../../consumer/feed-view.ts';
import { IdChangesSchema } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { DriverIdRecordSchema } from '../../gen/deptrans/v1/records_pb.ts';
import { digestOf } from '../support/feed/murmur.ts';
import { PATIENCE } from '../support/feed/open-test-feed.ts';
import { observing } from '../support/policy.ts';
import { bytesOf, type FakeService, openFakeService } from './fake-service.ts';
import { openTestCache, untilMetric } from './support.ts';

let fake: FakeService;
let cache: DriverCache;

beforeEach(async () => {
  fake = await openFakeService();
  fake.scripts.statuses = [{ frames: [hello(), heartbeat(0, [])] }];
});
afterEach(async () => {
  await cache.close();
  await fake[Symbol.asyncDispose]();
});

const open = async (options: Partial<DriverCacheOptions> = {}) => {
  cache = await openTestCache([fake.url], options);
  return cache;
};
const hello = (heartbeatIntervalMs = 1_000): Frame => ({
  case: 'hello',
  value: { epoch: 'e', headSeq: 1n, mode: 3, heartbeatIntervalMs },
});
const policy: Frame = { case: 'policy', value: observing([{ id: 'moscow', on: true, tariffs: [] }]).message };
const begin: Frame = { case: 'snapshotBegin', value: { rowCount: 2n } };
const record = (driverId: string, seq: number) => ({ parkId: 'p', driverId, seq: BigInt(seq) });
const changes = (prev: number, through: number, records: [string, number][], cursor: string): Frame => ({
  case: 'changes',
  value: toBinary(
    IdChangesSchema,
    create(IdChangesSchema, {
      prevSeq: BigInt(prev),
      throughSeq: BigInt(through),
      records: records.map(([driverId, seq]) => record(driverId, seq)),
      cursor: bytesOf(cursor),
    }),
  ),
});
const heartbeat = (seq: number, held: [string, number][], cursor = `at ${seq}`, ageMs = 5): Frame => {
  const { sums, counts } = digestOf(held.map(([driverId, one]) => record(driverId, one)));
  const digest = { sums: new Uint8Array(Buffer.from(sums, 'hex')), counts: new Uint8Array(Buffer.from(counts, 'hex')) };
  return {
    case: 'heartbeat',
    value: { throughSeq: BigInt(seq), cursor: bytesOf(cursor), sourceAgeMs: BigInt(ageMs), digest },
  };
};
const garbage = (): Frame => ({ case: 'changes', value: Uint8Array.from([0x1a, 0x7f, 1, 2, 3]) });
const drivers = () => [...cache].map(({ driverId, id }) => `${driverId} ${id?.seq}`).sort();
const A_AND_B: [string, number][] = [
  ['a', 1],
  ['b', 2],
];
const untilHeld = (held: string[]) => vi.waitFor(() => expect(drivers()).toEqual(held), PATIENCE);

test('a frame of garbage ends the stream, and the next one goes on from the cursor before it', async () => {
  fake.scripts.ids = [
    { frames: [hello(), begin, changes(0, 2, A_AND_B, 'two'), garbage()] },
    { frames: [hello(), changes(2, 3, [['c', 3]], 'three'), heartbeat(3, [...A_AND_B, ['c', 3]])] },
  ];
  await open();
  await cache.ready();
  await untilHeld(['a 1', 'b 2', 'c 3']);
  expect(fake.cursors).toEqual(['', 'two']);
  expect(cache.metrics()).toMatchObject({ ids_stream_failures_total: 1, ids_mismatches_total: 0 });
});

test.each([
  ['a hole', changes(7, 9, [['x', 9]], 'nine')],
  [
    'records out of order',
    changes(
      2,
      5,
      [
        ['x', 5],
        ['y', 4],
      ],
      'five',
    ),
  ],
  ['a heartbeat that goes back', heartbeat(1, A_AND_B)],
  [
    'a digest of another length',
    {
      case: 'heartbeat',
      value: {
        throughSeq: 2n,
        cursor: bytesOf('c'),
        sourceAgeMs: 1n,
        digest: { sums: bytesOf('x'), counts: bytesOf('y') },
      },
    } as Frame,
  ],
])('%s twice in a row means a snapshot', async (_, wrong) => {
  fake.scripts.ids = [
    { frames: [hello(), begin, changes(0, 2, A_AND_B, 'two'), wrong] },
    { frames: [hello(), changes(2, 2, [], 'still two'), wrong] },
    {
      frames: [
        hello(),
        begin,
        changes(
          0,
          4,
          [
            ['b', 2],
            ['d', 4],
          ],
          'four',
        ),
        heartbeat(4, [
          ['b', 2],
          ['d', 4],
        ]),
      ],
    },
  ];
  await open();
  await untilHeld(['b 2', 'd 4']);
  expect(fake.cursors[0]).toBe('');
  expect(fake.cursors[1]).not.toBe('');
  expect(fake.cursors[2]).toBe('');
  expect(cache.metrics()['ids_violations_total']).toBeGreaterThanOrEqual(2);
});

test('a cursor that the service refuses is given up, and what is held is shown until the snapshot is whole', async () => {
  fake.scripts.ids = [
    { frames: [hello(), begin, changes(0, 2, A_AND_B, 'two'), heartbeat(2, A_AND_B)], end: 'breaks' },
    { frames: [], end: 'cursor refused' },
    { frames: [hello(), begin, changes(0, 3, [['a', 3]], 'three')], end: 'breaks' },
    { frames: [hello(), heartbeat(3, [['a', 3]])] },
  ];
  const states: string[] = [];
  await open({ onState: (state) => states.push(state) });
  await untilHeld(['a 3']);
  expect(fake.cursors).toEqual(['', 'at 2', '', 'three']);
  expect(new Set(states)).toEqual(new Set(['detached', 'current']));
});

test('go_away is obeyed: its cursor, and its delay', async () => {
  const away = (reconnectAfterMs: number): Frame => ({
    case: 'goAway',
    value: { reconnectAfterMs, cursor: bytesOf('later') },
  });
  fake.scripts.ids = [
    { frames: [hello(), begin, changes(0, 2, A_AND_B, 'two'), heartbeat(2, A_AND_B), away(1)], end: 'breaks' },
    { frames: [hello(), heartbeat(2, A_AND_B), away(3_600_000)], end: 'breaks' },
    { frames: [hello(), heartbeat(2, A_AND_B)] },
  ];
  await open();
  await untilMetric(cache, 'ids_connects_total', 2);
  await vi.waitFor(() => expect(cache.metrics()).toMatchObject({ ids_connected: 0, ids_frames_total: 8 }), PATIENCE);
  expect(cache.metrics()).toMatchObject({ ids_stream_failures_total: 0, ids_connects_total: 2 });
  expect(fake.cursors).toEqual(['', 'later']);
  expect(cache.state).toBe('detached');
  await cache.close(); // does not wait for the hour
});

test('a stream that falls silent is given up', async () => {
  fake.scripts.ids = [
    { frames: [hello(20), begin, changes(0, 2, A_AND_B, 'two')] },
    { frames: [hello(20), heartbeat(2, A_AND_B)] },
  ];
  await open();
  await vi.waitFor(() => expect(fake.cursors.slice(0, 3)).toEqual(['', 'two', 'at 2']), PATIENCE);
});

test('a bucket that differs is asked for alone; if it stays wrong, a snapshot', async () => {
  const truth: [string, number][] = [...A_AND_B, ['lost', 3]];
  const lost = toBinary(DriverIdRecordSchema, create(DriverIdRecordSchema, record('lost', 3)));
  const bucket = { cursor: new Uint8Array(), hasMore: false, throughSeq: 5n };
  const start = [hello(20), begin, changes(0, 3, A_AND_B, 'three'), heartbeat(3, truth)];
  // The first answer does not hold it either; the difference shows again, and only from position 5 on, whenever the answer has come.
  fake.pages.push({ records: [], ...bucket });
  fake.scripts.ids = [
    { frames: start },
    { frames: [hello(20), heartbeat(4, truth), heartbeat(5, truth)], end: 'beats' },
    { frames: [hello(20), begin, changes(0, 5, truth, 'five'), heartbeat(5, truth)] },
  ];
  await open();
  await untilHeld(['a 1', 'b 2', 'lost 3']);
  expect(fake.cursors.slice(0, 3)).toEqual(['', 'at 3', '']);
  await cache.close();

  // Answered well, no snapshot is needed.
  fake.cursors.length = 0;
  fake.pages.push({ records: [lost], ...bucket });
  fake.scripts.ids = [{ frames: start }, { frames: [hello(20), heartbeat(5, truth)] }];
  await open();
  await untilHeld(['a 1', 'b 2', 'lost 3']);
  await untilMetric(cache, 'ids_mended_total', 1);
  expect(cache.metrics()).toMatchObject({ ids_snapshots_total: 1, ids_mismatches_total: 1 });
});

test('hooks that throw, or reject, are counted and disturb nobody', async () => {
  fake.scripts.ids = [{ frames: [hello(), begin, changes(0, 2, A_AND_B, 'two'), heartbeat(2, A_AND_B)] }];
  const told: string[] = [];
  await open({
    onChange: ({ kind, driverId, deleted }) => {
      told.push(`${kind} ${driverId} ${deleted}`);
      throw new Error('not today');
    },
    onState: () => Promise.reject(new Error('nor tomorrow')),
  });
  await cache.ready();
  await untilHeld(['a 1', 'b 2']);
  expect(told).toEqual(['id a false', 'id b false']);
  await untilMetric(cache, 'hook_failures_total', 3);
});

test('the age grows by a clock that only goes forward, and at last every check is unknown', async () => {
  fake.scripts.ids = [
    { frames: [hello(3_600_000), policy, begin, changes(0, 2, A_AND_B, 'two'), heartbeat(2, A_AND_B, 'at 2', 700)] },
  ];
  fake.scripts.statuses = [{ frames: [hello(3_600_000), heartbeat(0, [])] }];
  let at = 0;
  const clock = { now: () => 0, monotonic: () => at };
  await open({ clock, maxAgeMs: 10_000 });
  await cache.ready();
  const check = () => cache.check({ parkId: 'p', driverId: 'a' }, { region: 'moscow' });
  expect(check()).toMatchObject({ ageMs: 700, session: { outcome: 'unknown', reason: 'person_unknown' } });
  at = 9_300;
  expect(check()).toMatchObject({ ageMs: 10_000, session: { reason: 'person_unknown' } });
  at = 9_301;
  expect(check()).toMatchObject({ ageMs: 10_001, allowed: true, session: { reason: 'data_too_old' } });
  expect(cache.state).toBe('too_old');
});
