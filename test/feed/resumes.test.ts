import { expect, test } from 'vitest';
import { applyTail } from '../../src/feed/copy.ts';
import { Consumer } from '../support/feed/consumer.ts';
import { bindingRow, commitOf, sessionRow } from '../support/feed/rows.ts';
import { loadCopy, stream, watcher } from '../support/feed/watcher.ts';

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
