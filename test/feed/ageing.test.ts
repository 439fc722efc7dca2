import { setImmediate as turn } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { WatchStatusesResponseSchema } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { type Bell, openBell } from '../../src/feed/bell.ts';
import { buildCopy } from '../../src/feed/copy.ts';
import { ENVELOPE_BYTES } from '../../src/feed/frames.ts';
import { Image } from '../../src/feed/image.ts';
import { FeedRefusal } from '../../src/feed/refusal.ts';
import { openSlots, type Slots } from '../../src/feed/slots.ts';
import { type WatchParts, watch } from '../../src/feed/watch.ts';
import { profileRow, sessionRow } from '../support/feed/rows.ts';
import { seeded } from '../verdict/vectors/vectors.ts';

const AGE_MS = 300_000;
const STREAMS = 62;
const STOP_SPREAD_MS = 30_000;

/** Time that passes by hand, a second at a step: a heartbeat and its bell on every instance. */
class World {
  now = 0;
  readonly instances: { parts: WatchParts; streams: Slots; bell: Bell }[] = [];
  readonly #sleepers: { until: number; wake: () => void }[] = [];
  readonly stopping = new AbortController();
  /** What is drawn is the same each time: chance alone must not decide. */
  readonly random = seeded(1);

  addInstance(): void {
    const image = new Image();
    image.putProfile(profileRow(1, 1, 1));
    image.putSession(sessionRow(1, 2));
    const copy = buildCopy(image, { epoch: 'a'.repeat(32), head: 2, floor: 0 });
    const bell = openBell();
    const clock = { now: () => this.now, monotonic: () => this.now, sleep: (ms: number) => this.sleep(ms) };
    const tail = {
      copy,
      sourceAgeMs: () => 0,
      poll: () => Promise.resolve('idle' as const),
      distrust: () => {},
      seqAt: () => null,
    };
    const streams = openSlots(1_000, clock);
    const common = {
      instance: 'one',
      heartbeatIntervalMs: 1_000,
      maxStreamAgeMs: AGE_MS,
      stopSpreadMs: STOP_SPREAD_MS,
      random: this.random,
    };
    const { signal: stopping } = this.stopping;
    const parts = { tail, bell, clock, stopping, ...common, streams, snapshots: openSlots(1_000, clock) };
    this.instances.push({ parts, streams, bell });
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ until: this.now + ms, wake }));
  }

  /** A second passes. */
  async pass(): Promise<void> {
    this.now += 1_000;
    for (const sleeper of this.#sleepers.splice(0)) {
      if (sleeper.until <= this.now) sleeper.wake();
      else this.#sleepers.push(sleeper);
    }
    for (const { parts, bell } of this.instances) {
      parts.tail.copy!.streams.statuses.beat(2, 0, this.now);
      bell.ring();
    }
    for (let i = 0; i < 6; i++) await turn();
  }
}

/** A subscriber that lives for ever, each time with the instance that a balancer gives it in turn. */
async function subscribe(world: World, next: () => WatchParts, ages: number[]): Promise<void> {
  let cursor: Uint8Array = new Uint8Array(0);
  while (!world.stopping.signal.aborted) {
    const began = world.now;
    let afterMs = 0;
    try {
      const request = { cursor, regions: [] };
      for await (const bytes of watch(next(), 'statuses', request, new AbortController().signal)) {
        const { frame } = fromBinary(WatchStatusesResponseSchema, bytes.subarray(ENVELOPE_BYTES));
        if (frame.case === 'reset') throw new Error('the cursor did not go on');
        if (frame.case !== 'goAway') continue;
        cursor = frame.value.cursor;
        afterMs = frame.value.reconnectAfterMs;
      }
    } catch (error) {
      if (!(error instanceof FeedRefusal) || !['STREAM_AGED', 'SHUTTING_DOWN'].includes(error.reason)) throw error;
    }
    ages.push(world.now - began);
    await world.sleep(afterMs);
  }
}

test('streams age, so an added instance gets its share of 62, within a quarter, in the time of one age, and keeps it', async () => {
  const world = new World();
  world.addInstance();
  world.addInstance();
  let turns = 0;
  const next = () => world.instances[turns++ % world.instances.length]!.parts;
  const ages: number[] = [];
  const failed: unknown[] = [];
  for (let i = 0; i < STREAMS; i++) subscribe(world, next, ages).catch((error: unknown) => failed.push(error));
  const shares = () => world.instances.map(({ streams }) => streams.taken);
  await world.pass();
  expect(shares()).toEqual([31, 31]);

  world.addInstance();
  for (let s = 0; s < AGE_MS / 1_000 + 4; s++) await world.pass();
  const share = STREAMS / 3;
  const far: number[][] = [];
  for (let s = 0; s < (1.5 * AGE_MS) / 1_000; s++) {
    await world.pass();
    if (shares().some((taken) => Math.abs(taken - share) > share / 4)) far.push(shares());
  }
  expect(failed).toEqual([]);
  expect(far).toEqual([]);
  expect(Math.min(...ages)).toBeGreaterThanOrEqual(0.8 * AGE_MS);
  expect(Math.max(...ages)).toBeLessThanOrEqual(AGE_MS + 2_000);
});

test('when the process stops, streams leave one by one over the spread, and go on beating until then', async () => {
  const world = new World();
  world.addInstance();
  const [instance] = world.instances;
  const failed: unknown[] = [];
  for (let i = 0; i < STREAMS; i++)
    subscribe(world, () => instance!.parts, []).catch((error: unknown) => failed.push(error));
  await world.pass();
  world.stopping.abort();
  const left: number[] = [];
  for (let s = 0; s <= STOP_SPREAD_MS / 1_000; s++) {
    await world.pass();
    left.push(instance!.streams.taken);
  }
  expect(failed).toEqual([]);
  expect(left.at(-1)).toBe(0);
  const each = left.map((taken, s) => (left[s - 1] ?? STREAMS) - taken);
  expect(Math.max(...each)).toBeLessThan(STREAMS / 4);
});
