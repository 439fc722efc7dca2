/** The hidden limit: at most `perSecond` calls in any second that slides; those above it are not counted. */
export type RateLimit = { take(atMs: number): boolean };

export function openRateLimit(perSecond: () => number): RateLimit {
  let taken: number[] = [];
  let first = 0;
  return {
    take(atMs) {
      while (first < taken.length && taken[first]! <= atMs - 1_000) first += 1;
      if (taken.length - first >= perSecond()) return false;
      if (first > 4_096) {
        taken = taken.slice(first);
        first = 0;
      }
      taken.push(atMs);
      return true;
    },
  };
}
