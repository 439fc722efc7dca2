import type { Outcome, RejectReason } from './outcome.ts';
import type { Plan, RowsEnd, WaitReason } from './plan.ts';
import { type ReadingLimits, readsDoubts, rereadAt } from './reading.ts';
import type { Account, Look } from './report.ts';
import { isOpen, type Session } from './session.ts';

/**
 * What an account becomes after a look, a call or a reading: pure, so that the whole state machine can be read and tested here.
 * Times are the database's.
 */
export type Settlement = {
  account: Account;
  /** The session as the regulator told it now; null = it said there is none; undefined = nothing was said. */
  session?: Session | null;
  /** How the events of this look end, or null: they keep waiting. */
  rows: RowsEnd | null;
  waitReason: WaitReason | null;
  /** Not looked at before, whatever wakes it. */
  notBefore: Date | null;
  /** When to look again. */
  dueAt: Date | null;
  watched: boolean;
};

export type SettlementLimits = ReadingLimits & {
  /** The longest that a call may live on after we gave up on it. */
  quietMs: number;
  /** A second reading after a doubt. */
  verifyAfterMs: number;
  positionRetryMs: number;
  /** First and longest time that a refused account is parked. */
  parkMs: number;
  maxParkMs: number;
  /** First and longest pause of a refused DISCONNECTED. */
  retryMs: number;
  maxRetryMs: number;
  /** A Retry-After beyond this is cut to it. */
  maxRetryAfterMs: number;
};

/** Settles a look that needed no call. */
export function settleWithoutCall(
  look: Look,
  plan: Exclude<Plan, { kind: 'report' }>,
  limits: SettlementLimits,
): Settlement {
  const { account, now } = look;
  if (plan.kind === 'wait') {
    const dueAt = plan.reason === 'parked' ? nextTimer(account, now, limits) : after(now, limits.positionRetryMs);
    return {
      account,
      rows: null,
      waitReason: plan.reason,
      notBefore: null,
      dueAt,
      watched: plan.reason === 'no_position',
    };
  }
  const next = { ...account, attempts: 0, outsideSince: plan.outsideSince, ...(plan.unpark && UNPARKED) };
  return idle(next, plan.rows, plan.watched, now, limits);
}

/** Settles a report by its outcome. `now` is the time of the answer. */
export function settleReport(
  look: Look,
  plan: Extract<Plan, { kind: 'report' }>,
  outcome: Outcome<Session | null>,
  now: Date,
  limits: SettlementLimits,
): Settlement {
  const { account } = look;
  const connected = plan.direction === 'connected';
  switch (outcome.kind) {
    case 'accepted':
    case 'already': {
      const session = outcome.kind === 'accepted' ? outcome.value : null;
      // "Already so" tells nothing about the session, and neither may a write that ended a doubt: read it.
      const isTold = outcome.kind === 'accepted' && (session !== null || !account.doubt);
      const next: Account = {
        ...account,
        ...UNPARKED,
        believed: connected,
        doubt: false,
        attempts: 0,
        region: plan.region,
        sessionId: session ? session.id : account.sessionId,
        sessionEnd: session ? session.endsAt : account.sessionEnd,
        sessionOverAt: null,
        sessionReadAt: connected || session ? now : account.sessionReadAt,
        rereadAt: connected ? rereadAt(session, now, now, limits) : null,
        verifyAt: connected && !isTold && limits.canReadSession ? now : account.verifyAt,
        outsideSince: plan.outsideSince,
      };
      const settlement = idle(next, SENT, plan.watched, now, limits);
      if (session) settlement.session = session;
      return settlement;
    }
    case 'rejected':
      return connected
        ? park(account, outcome.reason, now, limits)
        : settleRefusedClose(account, outcome.reason, plan, now, limits);
    case 'throttled': {
      const pause = Math.min(Math.max(outcome.retryAfterMs, 1_000), limits.maxRetryAfterMs);
      return retry(account, 'throttled', pause, now);
    }
    case 'unauthorised':
      return retry(account, 'unauthorised', 5_000, now);
    case 'unavailable':
      return retry(account, 'regulator_down', 1_000, now);
    case 'unknown': {
      const verifyAt = readsDoubts(limits) ? after(now, limits.verifyAfterMs) : null;
      const next = { ...account, doubt: true, attempts: account.attempts + 1, verifyAt };
      const pause = limits.quietMs * 2 ** Math.min(account.attempts, 5);
      return retry(next, 'unknown_outcome', pause, now);
    }
    default:
      return outcome satisfies never;
  }
}

/**
 * What an account is after the regulator was read: the answer ends a doubt, moves the end of a session, or shows that it is over.
 * Null: the reading failed and says nothing; look again after the quiet time.
 */
export function applyReading(look: Look, outcome: Outcome<Session | null>, limits: SettlementLimits): Account | null {
  if (outcome.kind === 'rejected' && outcome.reason === 'driver_unknown') {
    return { ...look.account, believed: false, doubt: false, verifyAt: null, sessionOverAt: null };
  }
  if (outcome.kind !== 'accepted') return null;
  const { account, now } = look;
  const session = outcome.value;
  const open = session !== null && isOpen(session) && isOurs(account, session, limits);
  const read = {
    ...(session ? withSession(account, session, now) : account),
    sessionReadAt: now,
    rereadAt: open ? rereadAt(session, account.lastSentAt ?? now, now, limits) : null,
    doubt: false,
    // What ended a doubt is read once more: a call may live longer than the quiet time.
    verifyAt: account.doubt ? after(now, limits.verifyAfterMs) : null,
  };
  if (open) return { ...read, believed: true, sessionOverAt: null };
  // A finished session that we had not seen, after a CONNECTED in doubt: it was applied, and the shift has ended since. After a DISCONNECTED
  // in doubt it was we who ended it, seen or not.
  const isNew = session !== null && session.id !== account.sessionId && isOurs(account, session, limits);
  const appliedAndOver = account.doubt && account.lastTarget !== false && isNew;
  if (appliedAndOver || (!account.doubt && account.believed)) {
    const endedAt = session?.endsAt && session.endsAt < now ? session.endsAt : now;
    return { ...read, believed: true, sessionOverAt: account.sessionOverAt ?? endedAt };
  }
  return { ...read, believed: false, sessionOverAt: null };
}

/** Settles a look whose reading failed. */
export function settleFailedReading(look: Look, outcome: Outcome<unknown>, limits: SettlementLimits): Settlement {
  const pause = outcome.kind === 'throttled' ? Math.min(outcome.retryAfterMs, limits.maxRetryAfterMs) : limits.quietMs;
  return retry(look.account, 'reading_failed', pause, look.now);
}

const SENT: RowsEnd = { outcome: 'sent', reason: '' };
const UNPARKED = { parkedReason: null, parkUntil: null, parkCount: 0 };

function idle(account: Account, rows: RowsEnd, watched: boolean, now: Date, limits: SettlementLimits): Settlement {
  return { account, rows, waitReason: null, notBefore: null, dueAt: nextTimer(account, now, limits), watched };
}

function retry(account: Account, waitReason: WaitReason, pauseMs: number, now: Date): Settlement {
  const dueAt = after(now, pauseMs);
  return { account, rows: null, waitReason, notBefore: dueAt, dueAt, watched: false };
}

function park(account: Account, reason: RejectReason, now: Date, limits: SettlementLimits): Settlement {
  const pause = Math.min(limits.parkMs * 2 ** Math.min(account.parkCount, 20), limits.maxParkMs);
  const parkUntil = after(now, pause);
  const parked = { ...account, parkedReason: reason, parkUntil, parkCount: account.parkCount + 1 };
  const dueAt = nextTimer(parked, now, limits);
  return { account: parked, rows: null, waitReason: 'parked', notBefore: null, dueAt, watched: false };
}

function settleRefusedClose(
  account: Account,
  reason: RejectReason,
  plan: Extract<Plan, { kind: 'report' }>,
  now: Date,
  limits: SettlementLimits,
): Settlement {
  if (reason === 'driver_unknown') {
    const closed = {
      ...account,
      ...UNPARKED,
      believed: false,
      doubt: false,
      attempts: 0,
      sessionOverAt: null,
      outsideSince: null,
    };
    return idle(closed, { outcome: 'filtered', reason: 'driver_unknown' }, plan.watched, now, limits);
  }
  const pause = Math.min(limits.retryMs * 2 ** Math.min(account.attempts, 20), limits.maxRetryMs);
  return retry({ ...account, attempts: account.attempts + 1 }, 'close_refused', pause, now);
}

function withSession(account: Account, session: Session, now: Date): Account {
  return { ...account, sessionId: session.id, sessionEnd: session.endsAt, sessionReadAt: now };
}

/**
 * A session that began well after our last report was sent was opened by another service: it is not ours to close. By the time of sending: the
 * time that a report tells may lie hours back.
 */
function isOurs(account: Account, session: Session, limits: SettlementLimits): boolean {
  if (!session.startedAt || !account.lastSentAt) return session.startedAt === null || account.believed;
  return session.startedAt <= after(account.lastSentAt, limits.quietMs * 2);
}

function nextTimer(account: Account, now: Date, limits: SettlementLimits): Date | null {
  let next: Date | null = null;
  if (account.verifyAt && !account.doubt) next = account.verifyAt; // who is in doubt is not only read
  if (account.parkedReason && account.parkUntil) next = earlier(next, account.parkUntil);
  if (account.believed && account.sessionEnd && !account.sessionOverAt) {
    const end = after(account.sessionEnd, limits.sessionEndSlackMs);
    next = earlier(next, end > now ? end : after(now, 5 * limits.sessionEndSlackMs)); // an end in the past is looked at, but not all the time
  }
  return next;
}

function earlier(a: Date | null, b: Date): Date {
  return a && a < b ? a : b;
}

function after(date: Date, ms: number): Date {
  return new Date(date.getTime() + ms);
}
