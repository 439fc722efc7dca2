import type { TimeMark } from '../store/feed.ts';

/**
 * Which number had been given by which time, for pollers that only know a time. Kept to a second, for as long as the log is, and always the
 * newest. What it answers is never too late: a poller may see a change twice, but misses none.
 */
export type TimeMarks = {
  add(mark: TimeMark): void;
  /** The number from which to read for all that was committed after `atMs`; null if that is before anything known. */
  seqAt(atMs: number): number | null;
};

const KEEP_US = 3_600_000_000;
const STEP_US = 1_000_000;

/** A commit is stamped before others can see it: this much earlier is where a poller's own clock is honoured. */
const OVERLAP_US = 1_000_000;

export function openTimeMarks(known: readonly TimeMark[]): TimeMarks {
  const marks = [...known];
  return {
    add(mark) {
      const newest = marks.at(-1);
      const before = marks.at(-2);
      // The newest mark moves along until it is a step away from the one before it.
      if (newest && before && mark.at_us - before.at_us < STEP_US) marks.pop();
      marks.push(mark);
      while (marks.length > 1 && marks[0]!.at_us < mark.at_us - KEEP_US) marks.shift();
    },
    seqAt(atMs) {
      const limit = atMs * 1_000 - OVERLAP_US;
      let low = 0;
      let high = marks.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (marks[middle]!.at_us > limit) high = middle;
        else low = middle + 1;
      }
      return low === 0 ? null : marks[low - 1]!.seq;
    },
  };
}
