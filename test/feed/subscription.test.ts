import { fromBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { WatchStatusesResponseSchema } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { filterHash } from '../../src/domain/cursor.ts';
import { applyTail, buildCopy, type Copy } from '../../src/feed/copy.ts';
import { ENVELOPE_BYTES } from '../../src/feed/frames.ts';
import { Image } from '../../src/feed/image.ts';
import { Subscription } from '../../src/feed/subscription.ts';
import { Consumer, type FeedRecord } from '../support/feed/consumer.ts';
import { bindingRow, commitOf, profileRow, sessionRow } from '../support/feed/rows.ts';

const PEOPLE = 2_000;

/** People 1 … 2,000 with one profile each, whose sessions have the seqs 2,001 … 4,000; then `later` rows. */
function loadCopy(head = 2 * PEOPLE, later: (image: Image) => void = () => {}): Copy {
  const image = new Image();
  for (let no = 1; no <= PEOPLE; no++) {
    image.putProfile(profileRow(no, no, no));
    image.putSession(sessionRow(no, PEOPLE + no));
  }
  later(image);
  return buildCopy(image, { epoch: 'a'.repeat(32), head, floor: 0 });
}

/** A watcher of a copy that may be replaced. `sourceAgeMs` is 5 at time 0. */
function watcher(first: Copy, regions: string[] = [], position = 0, consumer = new Consumer()) {
  const world = { copy: first, now: 0 };
  const tail = {
    get copy() {
      return world.copy;
    },
    sourceAgeMs: () => 5 + world.now,
  };
  const filter = regions.length > 0 ? new Set(regions) : null;
  const start = { copy: first, position, reset: null, filter, filterHash: filterHash('statuses', regions) };
  const common = { instance: 'one', heartbeatIntervalMs: 1_000 };
  const subscription = new Subscription({ tail, now: () => world.now, kind: 'statuses', start, ...common });
  consumer.reconnect();
  consumer.position = BigInt(position);
  const take = (frames: Uint8Array[]) => {
    for (const frame of frames) consumer.take(fromBinary(WatchStatusesResponseSchema, frame.subarray(ENVELOPE_BYTES)));
  };
  take(subscription.begin());
  /** One step; false if there was nothing. */
  const step = () => {
    const frames = subscription.step();
    take(frames ?? []);
    return frames !== null;
  };
  const drain = () => {
    while (step());
  };
  return { world, consumer, step, drain };
}

const stream = (copy: Copy) => copy.streams.statuses;

test('a snapshot goes on over a copy that was loaded anew, and what ended meanwhile ends', () => {
  const { world, consumer, step, drain } = watcher(loadCopy());
  step();
  expect([consumer.inSnapshot, consumer.copy.has('park/driver-1')]).toEqual([true, true]);
  // Loaded anew, the ended session is a tombstone from the start: new readers need not see it, this one must.
  world.copy = loadCopy(5_000, (image) => {
    image.putSession(sessionRow(1, 4_001, { deleted: true }));
    for (let no = 1_002; no <= PEOPLE; no++) image.putSession(sessionRow(no, 3_000 + no));
  });
  const newcomer = watcher(world.copy);
  newcomer.drain(); // and leaves its encoded blocks to others
  const seen = newcomer.consumer.frames.flatMap<FeedRecord>(({ frame }) =>
    frame.case === 'changes' ? frame.value.records : [],
  );
  expect([seen.length, seen.some(({ deleted }) => deleted)]).toEqual([1_999, false]);
  drain();
  expect([consumer.inSnapshot, consumer.copy.has('park/driver-1'), consumer.copy.size]).toEqual([false, false, 1_999]);
});

test('a batch too great for the ring is read from the log', () => {
  const copy = loadCopy();
  const one = watcher(copy);
  one.drain();
  const before = stream(copy).ring.end;
  const profiles = Array.from({ length: 5_000 }, (_, i) => profileRow(10_000 + i, 4_001 + i, 1 + (i % PEOPLE)));
  applyTail(copy, commitOf(4_000, 9_000, { profiles }));
  expect([stream(copy).ring.end, stream(copy).ring.first]).toEqual([before + 1, before + 1]);
  one.drain();
  expect([one.consumer.position, one.consumer.copy.size]).toEqual([9_000n, 7_000]);
  stream(copy).beat(9_000, 0, 0);
  one.drain();
  expect(one.consumer.cases().at(-1)).toBe('heartbeat');
});

test('whoever falls out of the ring catches up and hops on again', () => {
  const copy = loadCopy();
  const behind = watcher(copy);
  behind.drain();
  const start = behind.consumer.frames.length;
  let seq = 4_000;
  for (let round = 0; round < 800; round++) {
    const sessions = Array.from({ length: 200 }, () => sessionRow(1 + (seq++ % PEOPLE), seq));
    applyTail(copy, commitOf(seq - 200, seq, { sessions }));
  }
  expect(stream(copy).ring.first).toBeGreaterThan(0);
  behind.drain();
  const changes = behind.consumer.frames
    .slice(start)
    .map(({ frame }) => frame.case === 'changes' && frame.value.compacted);
  expect(changes.length).toBeLessThan(12); // the state once, not 160,000 changes
  expect(changes).not.toContain(false);
  applyTail(copy, commitOf(seq, seq + 1, { sessions: [sessionRow(7, seq + 1)] }));
  behind.drain();
  const last = behind.consumer.frames.at(-1)!.frame;
  expect(last).toMatchObject({ case: 'changes', value: { compacted: false, prevSeq: BigInt(seq) } });
});

test('a great batch is cut into frames between people, in one chain', () => {
  const copy = loadCopy();
  const one = watcher(copy);
  one.drain();
  const start = one.consumer.frames.length;
  const sessions = Array.from({ length: 1_500 }, (_, i) => sessionRow(1 + i, 4_001 + i));
  applyTail(copy, commitOf(4_000, 5_500, { sessions }));
  one.drain();
  const sizes = one.consumer.frames
    .slice(start)
    .map(({ frame }) => frame.case === 'changes' && frame.value.records.length);
  expect(sizes.length).toBeGreaterThan(1);
  expect(one.consumer.position).toBe(5_500n);
});

test('a snapshot comes in chunks of at most 512 KiB, also where keys, tokens and words are long', () => {
  const image = new Image();
  for (let no = 1; no <= PEOPLE; no++) {
    const long = { park_id: `${no}`.padEnd(128, 'p'), driver_id: `${no}`.padEnd(128, 'd') };
    const driver_license_pd_id = `${no}`.padEnd(128, 't');
    image.putProfile({ ...profileRow(no, no, no), ...long, driver_license_pd_id });
    const raw = { session_status: 'unrecognised', session_status_raw: 'w'.repeat(200), driver_license_pd_id };
    image.putSession({ ...sessionRow(no, PEOPLE + no), ...raw });
  }
  const copy = buildCopy(image, { epoch: 'a'.repeat(32), head: 2 * PEOPLE, floor: 0 });
  const reader = { filter: null, filterHash: filterHash('statuses', []), omitThrough: 0 };
  const sizes: number[] = [];
  for (let position = 0; position < stream(copy).through; ) {
    const { frame, through } = stream(copy).read(position, reader);
    sizes.push(frame.length);
    position = through;
  }
  expect(sizes.length).toBeGreaterThan(3);
  expect(sizes.reduce((sum, size) => sum + size)).toBeGreaterThan(PEOPLE * 600);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(512 * 1024);
});

test('a person with more profiles than a block holds is never split', () => {
  const copy = loadCopy();
  const profiles = Array.from({ length: 1_200 }, (_, i) => profileRow(10_000 + i, 4_001 + i, 9_000));
  applyTail(copy, commitOf(4_000, 5_200, { profiles }));
  applyTail(copy, commitOf(5_200, 5_201, { sessions: [sessionRow(9_000, 5_201)] }));
  for (const regions of [[], ['moscow']]) {
    const { drain, consumer } = watcher(copy, regions);
    drain();
    const frames = consumer.frames.flatMap(({ frame }) => (frame.case === 'changes' ? [frame.value.records] : []));
    expect(frames.filter((records) => records.some(({ seq }) => seq === 5_201n)).map((r) => r.length)).toEqual([1_200]);
  }
});

test('a heartbeat that is sent late says so', () => {
  const copy = loadCopy();
  const one = watcher(copy);
  one.drain();
  stream(copy).beat(4_000, 5, 0);
  one.world.now = 30;
  one.step();
  stream(copy).beat(4_000, 5, 30);
  one.world.now = 530;
  one.step();
  const ages = one.consumer.frames.flatMap(({ frame }) =>
    frame.case === 'heartbeat' ? [frame.value.sourceAgeMs] : [],
  );
  expect(ages).toEqual([5n, 505n]);
});

test('a cursor from another instance, between two of our frames, resumes exactly', () => {
  const copy = loadCopy();
  const sessions = Array.from({ length: 10 }, (_, i) => sessionRow(1 + i, 4_001 + i));
  applyTail(copy, commitOf(4_000, 4_010, { sessions }));
  const inside = watcher(copy, [], 4_004);
  inside.drain();
  expect(inside.consumer.frames.map(({ frame }) => (frame.case === 'hello' ? frame.value.mode : frame.case))).toEqual([
    2,
    'changes',
  ]);
  expect([...inside.consumer.copy.values()].map(({ seq }) => seq)).toEqual([
    4_005n,
    4_006n,
    4_007n,
    4_008n,
    4_009n,
    4_010n,
  ]);

  // A commit that this stream shows nothing of: the position is ahead of the stream, not of the copy.
  applyTail(copy, commitOf(4_010, 4_015, { bindings: [] }));
  const beyond = watcher(copy, [], 4_013);
  beyond.drain();
  applyTail(copy, commitOf(4_015, 4_016, { sessions: [sessionRow(3, 4_016)] }));
  beyond.drain();
  expect([beyond.consumer.position, beyond.consumer.copy.size]).toEqual([4_016n, 1]);
});

test('no heartbeat of before a resume says that a copy is whole whose catch-up was cut off', () => {
  const copy = loadCopy();
  const sessions = Array.from({ length: 240 }, (_, i) => sessionRow(1 + i, 4_001 + i));
  applyTail(copy, commitOf(4_000, 4_240, { sessions }));
  stream(copy).beat(4_240, 5, 0);
  applyTail(copy, commitOf(4_240, 4_241, { sessions: [sessionRow(5, 4_241)] }));
  // Read from the log by now, the state up to 4,240 has nothing of person 5: that is at 4,241.
  const cut = watcher(copy);
  while (cut.consumer.position < 4_240n) cut.step();
  expect([cut.consumer.position, cut.consumer.copy.has('park/driver-5')]).toEqual([4_240n, false]);
  const resumed = watcher(copy, [], 4_240, cut.consumer);
  resumed.drain();
  expect(resumed.consumer.cases()).toEqual(['hello', 'changes']);
  resumed.world.now = 10;
  stream(copy).beat(4_241, 5, 10);
  resumed.drain();
  expect(resumed.consumer.cases()).toEqual(['hello', 'changes', 'heartbeat']);
});

test('where a heartbeat is held back that goes further, changes of nothing do', () => {
  const copy = loadCopy();
  applyTail(copy, commitOf(4_000, 4_100, { sessions: [sessionRow(5, 4_100)] }));
  const resumed = watcher(copy, [], 4_100, new Consumer({ checkDigests: false }));
  resumed.drain();
  // A commit that this stream shows nothing of, a heartbeat of before the resume, and then a change.
  applyTail(copy, commitOf(4_100, 4_150, { bindings: [bindingRow(5, 4_150)] }));
  stream(copy).beat(4_150, 5, 0);
  applyTail(copy, commitOf(4_150, 4_151, { sessions: [sessionRow(6, 4_151)] }));
  resumed.drain();
  const spans = resumed.consumer.frames.flatMap(({ frame }) =>
    frame.case === 'changes' ? [[frame.value.prevSeq, frame.value.throughSeq, frame.value.records.length]] : [],
  );
  expect(spans).toEqual([
    [4_100n, 4_150n, 0],
    [4_150n, 4_151n, 1],
  ]);
  expect(resumed.consumer.cases()).not.toContain('heartbeat');
});

test('with the database away whoever resumes has its heartbeats after a moment, and they say how old they are', () => {
  const copy = loadCopy();
  for (const regions of [[], ['moscow']]) {
    const resumed = watcher(copy, regions, 3_000, new Consumer({ checkDigests: false }));
    resumed.drain();
    for (const now of [500, 1_500]) {
      resumed.world.now = now;
      stream(copy).beat(4_000, 60_000 + now, now);
      resumed.drain();
    }
    const beats = resumed.consumer.frames.flatMap(({ frame }) =>
      frame.case === 'heartbeat' ? [Number(frame.value.sourceAgeMs)] : [],
    );
    expect(beats).toEqual([regions.length > 0 ? 1_505 : 61_500]);
  }
});
