import { expect, test } from 'vitest';
import { filterHash } from '../../src/domain/cursor.ts';
import { applyTail, buildCopy } from '../../src/feed/copy.ts';
import { Image } from '../../src/feed/image.ts';
import type { FeedRecord } from '../support/feed/consumer.ts';
import { commitOf, profileRow, sessionRow } from '../support/feed/rows.ts';
import { loadCopy, PEOPLE, stream, watcher } from '../support/feed/watcher.ts';

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
