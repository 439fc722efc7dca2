import { fromBinary } from '@bufbuild/protobuf';
import { WatchStatusesResponseSchema } from '../../../gen/deptrans/v1/incremental_updates_pb.ts';
import { filterHash } from '../../../src/domain/cursor.ts';
import { buildCopy, type Copy } from '../../../src/feed/copy.ts';
import { ENVELOPE_BYTES } from '../../../src/feed/frames.ts';
import { Image } from '../../../src/feed/image.ts';
import { Subscription } from '../../../src/feed/subscription.ts';
import { Consumer } from './consumer.ts';
import { profileRow, sessionRow } from './rows.ts';

export const PEOPLE = 2_000;

/** People 1 … 2,000 with one profile each, whose sessions have the seqs 2,001 … 4,000; then `later` rows. */
export function loadCopy(head = 2 * PEOPLE, later: (image: Image) => void = () => {}): Copy {
  const image = new Image();
  for (let no = 1; no <= PEOPLE; no++) {
    image.putProfile(profileRow(no, no, no));
    image.putSession(sessionRow(no, PEOPLE + no));
  }
  later(image);
  return buildCopy(image, { epoch: 'a'.repeat(32), head, floor: 0 });
}

/** A watcher of a copy that may be replaced. `sourceAgeMs` is 5 at time 0. */
export function watcher(first: Copy, regions: string[] = [], position = 0, consumer = new Consumer()) {
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

export const stream = (copy: Copy) => copy.streams.statuses;
