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
