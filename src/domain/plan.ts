import type { Desired, DisconnectedReason } from './eligibility.ts';
import type { Direction, Look } from './report.ts';

/**
 * What to do about an account, given what is desired: the table of the reporting protocol's state machine, for an account whose doubt could
 * not be cleared by reading (then desired is sent even if it equals what we believe: the write ends the doubt).
 */
export type Plan =
  | {
      kind: 'report';
      direction: Direction;
      region: string | null;
      happenedAt: Date;
      watched: boolean;
      outsideSince: Date | null;
    }
  | { kind: 'rest'; rows: RowsEnd; unpark: boolean; watched: boolean; outsideSince: Date | null }
  | { kind: 'wait'; reason: 'no_position' | 'parked' };

/** How the events that led to this look leave the queue. */
export type RowsEnd = { outcome: 'sent' | 'no_change'; reason: '' } | { outcome: 'filtered'; reason: FilteredReason };

/** Why an event is no reason to tell the regulator anything. */
export type FilteredReason = Exclude<DisconnectedReason, 'offline' | 'silent'> | 'driver_unknown' | 'no_person';

/** What an account waits for before it can be settled. */
export type WaitReason =
  | 'no_position'
  | 'parked'
  | 'throttled'
  | 'unauthorised'
  | 'regulator_down'
  | 'unknown_outcome'
  | 'reading_failed'
  | 'close_refused';

export function planFor(look: Look, desired: Desired, maxAgeMs: number): Plan {
  const { account, now } = look;
  if (desired.kind === 'wait') return desired;
  if (desired.kind === 'connected') {
    const parked = account.parkedReason !== null && !(account.parkUntil !== null && account.parkUntil <= now);
    if (parked) return { kind: 'wait', reason: 'parked' };
    const { region, connectedAt, outsideSince } = desired;
    const newShift = account.sessionOverAt !== null && connectedAt !== null && account.sessionOverAt < connectedAt;
    if (account.doubt || !account.believed || newShift) {
      return {
        kind: 'report',
        direction: 'connected',
        region,
        happenedAt: happenedAt(look, maxAgeMs),
        watched: false,
        outsideSince,
      };
    }
    return { kind: 'rest', rows: { outcome: 'no_change', reason: '' }, unpark: false, watched: false, outsideSince };
  }
  const watched = WATCHED.has(desired.reason);
  if (account.doubt || account.believed) {
    const { region } = account;
    return {
      kind: 'report',
      direction: 'disconnected',
      region,
      happenedAt: happenedAt(look, maxAgeMs),
      watched,
      outsideSince: null,
    };
  }
  return { kind: 'rest', rows: endOf(desired.reason), unpark: true, watched, outsideSince: null };
}

/** Connected people whom only a place, a tariff list or a switched region keeps from being reported: the sweep keeps an eye on them. */
const WATCHED: ReadonlySet<DisconnectedReason> = new Set(['tariff', 'outside', 'region_off']);

function endOf(reason: DisconnectedReason): RowsEnd {
  return reason === 'offline' || reason === 'silent'
    ? { outcome: 'no_change', reason: '' }
    : { outcome: 'filtered', reason };
}

/** The time of the change that led here: the newest waiting event unless it is too old to be told as fresh; without one, now. */
function happenedAt({ profiles, now }: Look, maxAgeMs: number): Date {
  const times = profiles.map(({ queued }) => queued?.eventAt.getTime() ?? 0);
  const newest = Math.min(Math.max(0, ...times), now.getTime());
  return now.getTime() - newest > maxAgeMs ? now : new Date(newest);
}
