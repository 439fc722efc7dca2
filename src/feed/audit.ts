import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Db } from '../store/database.ts';
import { readStretch, renumberRows } from '../store/feed-audit.ts';
import type { ChangeTail } from './change-tail.ts';
import { differences } from './compare.ts';
import { type Copy, KINDS } from './copy.ts';

/**
 * The copy's own audit: a stretch of it a round is read again from the database and compared, value by value, and one bucket of each digest is
 * summed anew, so that all of it has been looked at after some while.
 *
 * What differs is counted and logged by number of rows, never by what is in them; then it is mended at both ends. The copy is loaded anew,
 * and rows of which it held something else get new numbers, so that every subscriber who may have been told otherwise is told again. After
 * that the audit rests: a fault that comes back with each load must not keep the process loading.
 */
export type Audit = { runOnce(signal: AbortSignal): Promise<'idle'> };

export type AuditOptions = {
  db: Db;
  tail: Pick<ChangeTail, 'copy' | 'distrust'>;
  clock: Clock;
  log: Log;
  /** Numbers in a stretch. */
  rows: number;
  found: (what: 'profiles' | 'bindings' | 'sessions' | 'digest', count: number) => void;
  looked: (rows: number) => void;
};

const REST_MS = 300_000;

export function openAudit({ db, tail, clock, log, rows, found, looked }: AuditOptions): Audit {
  let after = 0;
  let bucket = 0;
  let restUntil = Number.NEGATIVE_INFINITY;
  return {
    async runOnce(signal) {
      const { copy } = tail;
      if (!copy || clock.monotonic() < restUntil) return 'idle';
      const stretch = await readStretch(db, after, after + rows, signal);
      // Replaced, or another history: what was read is no measure of it.
      if (tail.copy !== copy || stretch.epoch !== copy.epoch) return 'idle';
      const differing = differences(copy, stretch);
      const wrongSums = KINDS.filter((kind) => !copy.streams[kind].isSummed(bucket)).length;
      looked(stretch.profiles.length + stretch.bindings.length + stretch.sessions.length);
      after = stretch.upTo >= endOf(copy) ? 0 : stretch.upTo;
      bucket = (bucket + 1) & 255;

      const counts = {
        profiles: differing.profiles.length,
        bindings: differing.bindings.length,
        sessions: differing.sessions.length,
        digest: wrongSums,
      };
      if (Object.values(counts).every((count) => count === 0)) return 'idle';
      for (const [what, count] of Object.entries(counts)) found(what as keyof typeof counts, count);
      log.error({ ...counts, after: stretch.after, upTo: stretch.upTo }, 'the copy differs from the database');
      restUntil = clock.monotonic() + REST_MS;
      tail.distrust();
      await renumberRows(db, differing);
      return 'idle';
    },
  };
}

/** Above every number in use. */
function endOf({ image }: Copy): number {
  return Math.max(image.profiles.end, image.people.end);
}
