/**
 * How many calls this instance makes at once, learned from how long calls take: while they take about as long as they used to, up to
 * `max`; when they take much longer the regulator is being strained, and fewer go at once. One step for each round of answers.
 */
export type Concurrency = {
  readonly limit: number;
  /** A call took so long, ms. */
  observe(ms: number): void;
  /** How many calls end within `ms` when all that may be are under way, by how long they took lately; while nobody knows, each of them once. */
  endingWithin(ms: number): number;
};

/** Slower than usual by less than this is our own machine's doing. */
const SLACK_MS = 250;
/** Part of the way that the usual time goes towards the present one in each round: what lasts becomes usual. */
const DRIFT = 0.02;

export function openConcurrency(max: number): Concurrency {
  const least = Math.max(1, Math.ceil(max / 20));
  let limit = max;
  let usualMs = Number.POSITIVE_INFINITY;
  let roundMs = 0;
  let answers = 0;
  let lastMs: number | null = null;
  return {
    get limit() {
      return limit;
    },
    endingWithin: (ms) => (lastMs === null ? limit : Math.ceil((limit * ms) / Math.max(1, lastMs))),
    observe(ms) {
      roundMs += ms;
      answers += 1;
      if (answers < limit) return;
      const meanMs = roundMs / answers;
      lastMs = meanMs;
      [roundMs, answers] = [0, 0];
      usualMs = meanMs < usualMs ? meanMs : usualMs + (meanMs - usualMs) * DRIFT;
      const strained = meanMs > 2 * usualMs + SLACK_MS;
      limit = strained ? Math.max(least, Math.floor(limit * 0.8)) : Math.min(max, Math.ceil(limit * 1.1));
    },
  };
}
