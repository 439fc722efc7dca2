import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { publish } from '../../src/store/publish.ts';

/** When each commit was asked for, by its number; milliseconds since 1970. */
export type Written = { seq: number; at: number };

/**
 * Changes sessions at an even pace until `signal` aborts: `perSecond` people a second, in 20 commits a second, one person after the other.
 * What it falls behind it makes up for at once. Returns the commits.
 */
export async function writeChanges(
  db: Db,
  { perSecond, people, signal }: { perSecond: number; people: number; signal: AbortSignal },
): Promise<Written[]> {
  const written: Written[] = [];
  const size = Math.round(perSecond / COMMITS_PER_SECOND);
  const startedAt = performance.now();
  for (let i = 0; !signal.aborted; i++) {
    const aheadMs = (i * 1_000) / COMMITS_PER_SECOND - (performance.now() - startedAt);
    if (aheadMs > 0) await pause(aheadMs, undefined, { signal }).catch(() => {});
    const nos = Array.from({ length: size }, (_, k) => ((i * size + k) % people) + 1);
    const at = performance.timeOrigin + performance.now();
    const seq = await changeSessions(db, nos);
    written.push({ seq, at });
  }
  return written;
}

/** The same for so many seconds. Rejects with the signal's reason when that aborts before. */
export async function writeFor(
  seconds: number,
  db: Db,
  { signal, ...pace }: { perSecond: number; people: number; signal: AbortSignal },
): Promise<Written[]> {
  const ending = new AbortController();
  const writing = writeChanges(db, { ...pace, signal: AbortSignal.any([signal, ending.signal]) });
  await pause(seconds * 1_000, undefined, { signal });
  ending.abort();
  return await writing;
}

const COMMITS_PER_SECOND = 20;

async function changeSessions(db: Db, nos: readonly number[]): Promise<number> {
  return await inTransaction(db, async (tx) => {
    await sql`update deptrans.session_statuses set updated_at = deptrans.now(), ended_at = ended_at + interval '1 s'
      where person_no = any(${[...nos]}::int[])`.execute(tx);
    return (await publish(tx, { sessions: nos }))!;
  });
}
