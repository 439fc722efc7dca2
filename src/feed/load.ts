import type { Db } from '../store/database.ts';
import { readTail, type Tail } from '../store/feed.ts';
import { readBindings, readNumbers, readProfiles, readSessions } from '../store/image.ts';
import { buildCopy, type Copy, putRows } from './copy.ts';
import { Image } from './image.ts';

/** The log no longer leads from where we were to where the database is. */
export class ChainBroken extends Error {
  override readonly name = 'ChainBroken';
}

/**
 * Loads the whole state. No long snapshot: the head of the log is noted first, the tables are copied, and what was committed
 * meanwhile is tailed until the image equals the database as of one commit; only then are the records put in order.
 *
 * Throws ChainBroken if the log was cut or the database replaced meanwhile; then nothing is kept and one may begin again.
 */
export async function loadCopy(db: Db, signal?: AbortSignal): Promise<Copy> {
  const start = await readTail(db, Number.MAX_SAFE_INTEGER, signal);
  const image = new Image();
  image.beginLoad(await readNumbers(db, signal));
  // Two connections at once: half of the rows each.
  await Promise.all([
    readProfiles(db, (row) => image.loadProfile(row), signal),
    readBindings(db, (row) => image.loadBinding(row), signal).then(() =>
      readSessions(db, (row) => image.loadSession(row), signal),
    ),
  ]);
  image.endLoad();
  let { head, floor } = start;
  for (;;) {
    const tail = await readTail(db, head, signal);
    if (tail.epoch !== start.epoch) throw new ChainBroken('the epoch changed during the load');
    assertChain(tail, head);
    head = tail.commits.at(-1)?.seq ?? head;
    floor = tail.floor;
    putRows(image, tail, Number.MAX_SAFE_INTEGER);
    if (head === tail.head) return buildCopy(image, { epoch: start.epoch, head, floor });
  }
}

/** Each commit names the one before it: proves that nothing between `from` and the tail's end is missing. */
export function assertChain({ commits }: Tail, from: number): void {
  let position = from;
  for (const { prev, seq } of commits) {
    if (prev !== position) throw new ChainBroken('the log does not continue where the copy ends');
    position = seq;
  }
}
