import type { Counter } from 'prom-client';
import type { ReadUpdates } from '../clients/updates.ts';
import { type Db, inTransaction } from '../store/database.ts';
import { holdTerm } from '../store/leaders.ts';
import type { MirrorKey, PageMode } from '../store/mirror-rows.ts';
import {
  beginReload,
  endReload,
  lockStream,
  moveStream,
  readStream,
  type StreamName,
  type StreamState,
} from '../store/mirror-streams.ts';
import { type Changed, publish } from '../store/publish.ts';
import type { Revisions } from './revisions.ts';

/** What one neighbour's copy is made of. */
export type StreamKind<Row extends MirrorKey> = {
  name: StreamName;
  updates: ReadUpdates<Row>;
  /** Writes a page, no profile twice. Returns what to publish. */
  write(tx: Db, rows: readonly Row[], mode: PageMode): Promise<Changed>;
  /** Does away with rows that a reload has not seen, some at a time, from profile number `after` on. */
  purge(
    tx: Db,
    unseen: { reloadNo: number; after: number; limit: number; mode: PageMode },
  ): Promise<{ changed: Changed; next: number | null }>;
};

export type StreamParts = {
  db: Db;
  pageLimit: number;
  /** The leadership under which is written. */
  leadership: string;
  /** Pages, rows and what neighbours do wrong, by stream and what. */
  counted: Counter<'stream' | 'what'>;
  /** The revisions this stream was at, where somebody remembers them. */
  past?: Revisions;
};

/**
 * One step of a stream under a term of the leadership: a page, or the start of a reload, or the end of one. `'more'`: there is more to do at once.
 *
 * A page is written only if the stream still stands where the page was asked from and the term still holds, so neither a repeated step nor a
 * former leader writes anything older over anything newer.
 */
export async function stepStream<Row extends MirrorKey>(
  parts: StreamParts,
  kind: StreamKind<Row>,
  term: number,
  signal: AbortSignal,
): Promise<'more' | 'idle'> {
  const { db, pageLimit, counted } = parts;
  const { name } = kind;
  const count = (what: string, n = 1) => n > 0 && counted.inc({ stream: name, what }, n);
  const state = await readStream(db, name);
  const page = await kind.updates(state.revision, pageLimit, signal);
  if (page === 'forgotten') {
    count('forgotten');
    await underTerm(parts, term, async (tx) => {
      if (await lockStream(tx, name, state.revision)) await beginReload(tx, name);
    });
    return state.revision === null || state.reloading ? 'idle' : 'more'; // one that forgets again and again is not hurried
  }
  const { rows, unreadable, revision, hasMore } = page;
  count('page');
  count('row', rows.length);
  count('unreadable', unreadable);
  const isStuck = hasMore && revision === state.revision;
  if (isStuck) count('stuck');
  // What is older is read again and does no harm: the newest page says what is true. But it may never end, so it is not hurried.
  const isBack = parts.past?.isBack(state.revision, revision) ?? false;
  if (isBack) count('went_back');
  if (isNews(state, page)) {
    const newest = [...new Map(rows.map((row) => [`${row.parkId}\n${row.driverId}`, row])).values()];
    count('repeated', rows.length - newest.length);
    await underTerm(parts, term, async (tx) => {
      const locked = await lockStream(tx, name, state.revision);
      if (!locked) return;
      const { changeNo, reloading, complete } = locked;
      const changed = await kind.write(tx, newest, { changeNo, touch: reloading, quiet: !complete });
      await moveStream(tx, name, { revision, confirmed: !hasMore });
      await publish(tx, changed);
    });
  }
  if (hasMore) return isStuck || isBack ? 'idle' : 'more';
  if (state.reloading) await finishReload(parts, kind, { ...state, revision }, term, signal);
  return 'idle';
}

/** An answer that says the same as the one before is written down only now and then, to keep the time of the confirmation. */
const confirmEveryMs = 10_000;

function isNews(state: StreamState, page: { rows: unknown[]; revision: string; hasMore: boolean }): boolean {
  const isFresh = state.complete && state.ageMs !== null && state.ageMs < confirmEveryMs;
  return page.rows.length > 0 || page.revision !== state.revision || (!page.hasMore && !isFresh);
}

async function finishReload<Row extends MirrorKey>(
  parts: StreamParts,
  { name, purge }: StreamKind<Row>,
  { revision, reloadNo, complete }: StreamState,
  term: number,
  signal: AbortSignal,
): Promise<void> {
  const { pageLimit: limit } = parts;
  for (let after: number | null = 0; after !== null; ) {
    signal.throwIfAborted();
    const from: number = after;
    after = await underTerm(parts, term, async (tx) => {
      const locked = await lockStream(tx, name, revision);
      if (!locked) return null;
      const mode = { changeNo: locked.changeNo, touch: true, quiet: !complete };
      const { changed, next } = await purge(tx, { reloadNo, after: from, limit, mode });
      if (next === null) await endReload(tx, name);
      await publish(tx, changed);
      return next;
    });
  }
}

/** Runs `work` in a transaction, if `term` is not over; else does nothing and returns null. */
function underTerm<T>({ db, leadership }: StreamParts, term: number, work: (tx: Db) => Promise<T>): Promise<T | null> {
  return inTransaction(db, async (tx) => ((await holdTerm(tx, leadership, term)) ? work(tx) : null));
}
