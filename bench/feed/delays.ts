import { setTimeout as pause } from 'node:timers/promises';
import type { Counts } from './subscribe.ts';
import type { Subscribers } from './subscribers.ts';
import type { Written } from './write-changes.ts';

/** How long each commit took until a frame came that reached it, ms. A commit that never came is left out by none: it throws. */
export function delaysOf(written: readonly Written[], arrivals: readonly { seq: number; at: number }[]): number[] {
  let next = 0;
  return written.map(({ seq, at }) => {
    while (next < arrivals.length && arrivals[next]!.seq < seq) next += 1;
    const arrival = arrivals[next];
    if (!arrival) throw new Error('A commit has not reached its follower.');
    return arrival.at - at;
  });
}

const LOOK_MS = 250;
const PATIENCE_MS = 60_000;

/** What consumers saw since their last count, once the last commit has reached the one whose arrivals are told. */
export async function countWhenReached(
  consumers: Subscribers,
  written: readonly Written[],
  signal: AbortSignal,
): Promise<Counts> {
  const last = written.at(-1)?.seq ?? 0;
  const until = performance.now() + PATIENCE_MS;
  const sum = await consumers.count();
  while ((sum.arrivals.at(-1)?.seq ?? 0) < last && performance.now() < until) {
    await pause(LOOK_MS, undefined, { signal });
    const { changes, bytes, ended, arrivals } = await consumers.count();
    sum.changes += changes;
    sum.bytes += bytes;
    sum.ended = ended;
    sum.arrivals.push(...arrivals);
  }
  return sum;
}
