/** A report as it reached the regulator. */
export type Reached = { no: number; atMs: number };

/** The allowed rate of the cluster as it was at times, calls a second, oldest first. */
export type RateSample = { atMs: number; rate: number };

/** The most calls within any second that slides, and how many calls were more than the rate allowed within the second that they ended. */
export function judgeRate(reached: readonly Reached[], rates: readonly RateSample[], graceMs: number) {
  let first = 0;
  let sample = 0;
  let over = 0;
  let busiest = 0;
  for (const [i, { atMs }] of reached.entries()) {
    while (reached[first]!.atMs <= atMs - 1_000) first += 1;
    while (sample + 1 < rates.length && rates[sample]!.atMs < atMs) sample += 1;
    const within = i - first + 1;
    busiest = Math.max(busiest, within);
    // The rate only grows after an outage without throttling: the newest sample is the highest of that second.
    if (within > rates[sample]!.rate * (1 + graceMs / 1_000) + 1) over += 1;
  }
  return { busiest, over };
}

/** Of the first calls, how many told of the fresher half of those who wait, and how many of the older. */
export function judgeOrder(reached: readonly Reached[], since: ReadonlyMap<number, number>) {
  const times = [...since.values()].sort((a, b) => a - b);
  const middle = times[Math.floor(times.length / 2)]!;
  const early = reached.slice(0, Math.floor(reached.length / 4));
  const fresh = early.filter(({ no }) => since.get(no)! >= middle).length;
  return { fresh: fresh / early.length, old: 1 - fresh / early.length };
}
