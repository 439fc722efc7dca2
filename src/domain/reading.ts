import type { Look } from './report.ts';
import type { Session } from './session.ts';

/** What the regulator can do, and when it is read though nothing is in doubt. */
export type ReadingLimits = {
  canReadSession: boolean;
  /** The regulator ignores a report that tells an older time than the last it took. */
  ordersByOccurredAt: boolean;
  /** A report of what already holds changes nothing there. */
  repeatIsHarmless: boolean;
  /** How long after its end a session is read again. */
  sessionEndSlackMs: number;
  /** An open session is read again when its last news is older than this: hours are counted across services, so its end moves. */
  refreshMs: number;
  /** A session that is issued and not on yet is read again after so long, then ever more rarely. */
  issuedReadMs: number;
};

/**
 * Whether a doubt ends by reading. Where the regulator orders by time and repeats are harmless it ends by writing instead: after a reading an
 * older call may still land, while behind a newer report it is ignored.
 */
export function readsDoubts({ canReadSession, ordersByOccurredAt, repeatIsHarmless }: ReadingLimits): boolean {
  return canReadSession && !(ordersByOccurredAt && repeatIsHarmless);
}

/** Whether the regulator must be read before anything is decided. */
export function needsReading({ account, now }: Look, limits: ReadingLimits): boolean {
  if (!limits.canReadSession) return false;
  if (account.doubt) return readsDoubts(limits);
  const isPast = (date: Date | null, ms: number) => date !== null && date.getTime() + ms <= now.getTime();
  const open = account.believed && !account.sessionOverAt;
  return (
    isPast(account.verifyAt, 0) ||
    (open && isPast(account.sessionEnd, limits.sessionEndSlackMs)) ||
    (open && isPast(account.rereadAt, 0)) ||
    (open && isPast(account.sessionReadAt, limits.refreshMs))
  );
}

/**
 * When to read again what was told at `now` of an open session (null: nothing), or null if it is on: soon after the report, and each time as late
 * again as the report lies back, but no later than any other session.
 */
export function rereadAt(
  session: Session | null,
  sentAt: Date,
  now: Date,
  { canReadSession, issuedReadMs, refreshMs }: ReadingLimits,
): Date | null {
  if (!canReadSession || (session !== null && session.status !== 'issued')) return null;
  const pauseMs = Math.min(Math.max(issuedReadMs, now.getTime() - sentAt.getTime()), Math.max(refreshMs, issuedReadMs));
  return new Date(now.getTime() + pauseMs);
}
