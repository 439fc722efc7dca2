import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Db } from '../store/database.ts';
import { readTail, readTimeMarks, type Tail } from '../store/feed.ts';
import { applyTail, type Copy } from './copy.ts';
import { assertChain, ChainBroken, loadCopy } from './load.ts';
import { openTimeMarks, type TimeMarks } from './time-marks.ts';

/**
 * Keeps this process's copy equal to the database: loads it once, then takes in each commit, in order, none left out (the chain of the log
 * proves it). If the chain does not continue (the process stood still for longer than the log is kept) or the database is another one, the
 * copy is loaded anew; the old one serves until then.
 *
 * With the database away the copy stays as it is and `sourceAgeMs` grows. A database that is behind the copy (a replica) does not
 * take it back: the age grows until it has caught up.
 */
export type ChangeTail = {
  /** One round. `'more'`: there is more to read now. Throws if the database cannot be read. */
  poll(signal?: AbortSignal): Promise<'more' | 'idle'>;
  /** Null until the first load has ended. */
  readonly copy: Copy | null;
  /** The copy equals the database as it was at most this many ms ago. Infinity until the first load has ended. */
  sourceAgeMs(): number;
  /** The copy is found to be wrong: it is loaded anew in the next round, and serves until then. */
  distrust(): void;
  /** See TimeMarks. */
  seqAt(atMs: number): number | null;
};

/** The database is another one; the log does not continue; the audit found the copy to differ. */
export type ReloadReason = 'epoch' | 'chain' | 'audit';

export type ChangeTailOptions = {
  db: Db;
  clock: Clock;
  log: Log;
  /** Called after the copy has changed or was replaced. */
  changed(): void;
  /** Called when the copy is loaded again. */
  reloaded(reason: ReloadReason): void;
};

export function openChangeTail({ db, clock, log, changed, reloaded }: ChangeTailOptions): ChangeTail {
  let copy: Copy | null = null;
  let marks: TimeMarks = openTimeMarks([]);
  let isDistrusted = false;
  let freshAt = Number.NEGATIVE_INFINITY;

  const load = async (signal?: AbortSignal) => {
    const began = clock.monotonic();
    const loaded = await loadCopy(db, signal);
    if (copy?.epoch === loaded.epoch && loaded.head < copy.head) throw new Error('the database is behind the copy');
    marks = openTimeMarks(await readTimeMarks(db, signal));
    copy = loaded;
    isDistrusted = false;
    freshAt = began;
    const tookMs = Math.round(clock.monotonic() - began);
    const { ids, statuses } = loaded.streams;
    log.info({ head: loaded.head, ids: ids.count, statuses: statuses.count, tookMs }, 'copy loaded');
    changed();
  };

  const reload = async (reason: ReloadReason, signal?: AbortSignal) => {
    log.warn({ reason, head: copy?.head }, 'copy must be loaded anew');
    reloaded(reason);
    await load(signal);
  };

  const follow = async (known: Copy, signal?: AbortSignal): Promise<'more' | 'idle'> => {
    const began = clock.monotonic();
    const tail = await readTail(db, known.head, signal);
    if (tail.epoch !== known.epoch) {
      await reload('epoch', signal);
      return 'more';
    }
    if (tail.head < known.head) return 'idle';
    assertChain(tail, known.head);
    for (const { at_us, seq } of tail.commits) marks.add({ at_us, seq });
    takeIn(known, tail);
    const complete = known.head === tail.head;
    if (complete) freshAt = began;
    if (tail.commits.length > 0) changed();
    return complete ? 'idle' : 'more';
  };

  return {
    get copy() {
      return copy;
    },
    sourceAgeMs: () => clock.monotonic() - freshAt,
    distrust() {
      isDistrusted = true;
    },
    seqAt: (atMs) => marks.seqAt(atMs),
    async poll(signal) {
      if (!copy) {
        await load(signal);
        return 'more';
      }
      if (isDistrusted) {
        await reload('audit', signal);
        return 'more';
      }
      try {
        return await follow(copy, signal);
      } catch (error) {
        if (!(error instanceof ChainBroken)) throw error;
        log.error({ err: error }, 'the copy cannot go on');
        await reload('chain', signal);
        return 'more';
      }
    },
  };
}

/** A copy into which a commit went only in part is worth nothing: it must be loaded anew. */
function takeIn(copy: Copy, tail: Tail): void {
  try {
    applyTail(copy, tail);
  } catch (cause) {
    throw new ChainBroken('a commit could not be taken in', { cause });
  }
}
