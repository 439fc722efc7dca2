import { fromBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { WatchStatusesResponseSchema } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { openBell } from '../../src/feed/bell.ts';
import { buildCopy, type Copy } from '../../src/feed/copy.ts';
import { ENVELOPE_BYTES } from '../../src/feed/frames.ts';
import { Image } from '../../src/feed/image.ts';
import { FeedRefusal } from '../../src/feed/refusal.ts';
import { openSlots } from '../../src/feed/slots.ts';
import { watch } from '../../src/feed/watch.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { profileRow, sessionRow } from '../support/feed/rows.ts';

function copyOf(epoch: string): Copy {
  const image = new Image();
  for (let no = 1; no <= 2_000; no++) {
    image.putProfile(profileRow(no, no, no));
    image.putSession(sessionRow(no, 2_000 + no));
  }
  return buildCopy(image, { epoch: epoch.repeat(32), head: 4_000, floor: 0 });
}

/** A watcher of a copy that can be replaced, where one snapshot may be under way at once. */
function openWatcher(seq = 0) {
  const tail = {
    copy: copyOf('a'),
    sourceAgeMs: () => 0,
    poll: () => Promise.resolve('idle' as const),
    distrust: () => {},
    seqAt: () => null,
  };
  const snapshots = openSlots(1, systemClock);
  const frames = watch(
    {
      tail,
      bell: openBell(),
      clock: systemClock,
      stopping: new AbortController().signal,
      stopSpreadMs: 0,
      instance: 'one',
      heartbeatIntervalMs: 1_000,
      maxStreamAgeMs: 600_000,
      streams: openSlots(1, systemClock),
      snapshots,
    },
    'statuses',
    { cursor: seq > 0 ? tail.copy.streams.statuses.cursorAt(seq) : new Uint8Array(0), regions: [] },
    new AbortController().signal,
  );
  return {
    tail,
    snapshots,
    /** The next frame's case. */
    async next() {
      const { value } = await frames.next();
      return fromBinary(WatchStatusesResponseSchema, value!.subarray(ENVELOPE_BYTES)).frame.case;
    },
    async until(last: string) {
      const cases = [];
      do cases.push(await this.next());
      while (cases.at(-1) !== last);
      return cases;
    },
  };
}

test('a snapshot after the copy was replaced takes its turn as any other does, and gives its place back', async () => {
  const watcher = openWatcher();
  await watcher.until('snapshotEnd');
  watcher.tail.copy = copyOf('b');
  expect([await watcher.next(), await watcher.next()]).toEqual(['reset', 'snapshotBegin']);
  expect([await watcher.next(), watcher.snapshots.taken]).toEqual(['changes', 1]);
  expect(await watcher.until('snapshotEnd')).toContain('changes');
  watcher.tail.copy = copyOf('c');
  expect(await watcher.until('snapshotEnd')).toContain('reset');
});

test('where too many snapshots are under way, whoever follows a replaced copy is told to come back', async () => {
  const watcher = openWatcher(4_000);
  expect(await watcher.next()).toBe('hello');
  expect(watcher.snapshots.take()).not.toBeNull();
  watcher.tail.copy = copyOf('b');
  const refusal = await watcher.next().then(null, (error: unknown) => error);
  expect(refusal).toBeInstanceOf(FeedRefusal);
  expect(refusal).toMatchObject({ reason: 'SNAPSHOTS_BUSY', retryAfterMs: expect.any(Number) });
});
