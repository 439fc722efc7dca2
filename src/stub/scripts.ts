import type { Facts } from '../../verdict/facts.ts';
import { shareOf } from '../../verdict/share.ts';
import { ERROR_REASONS, type Reason } from '../api/error-reasons.ts';
import type { DeptransId } from '../domain/binding.ts';
import type { IdFacts } from '../feed/feed.ts';

/**
 * What the stub answers, chosen by what the request names. A word is looked for in `x-stub-answer`, then in the driver who asks or is asked about,
 * then in the deptrans id to be set; the first one that is known here decides. docs/api.md shows the same table to readers.
 */
export type Script = { kind: 'refuse'; reason: Reason } | { kind: 'slow' } | { kind: 'broken-off' };

/** How long a slow answer takes. Longer than an app should wait. */
export const SLOW_MS = 5_000;

/** The refusals by words: `id-mismatch` for ID_MISMATCH. */
export const WORDS: ReadonlyMap<string, Script> = new Map<string, Script>([
  ...Object.keys(ERROR_REASONS).map((reason): [string, Script] => [
    reason.toLowerCase().replaceAll('_', '-'),
    { kind: 'refuse', reason: reason as Reason },
  ]),
  ['slow', { kind: 'slow' }],
  ['broken-off', { kind: 'broken-off' }],
]);

/** By the deptrans id to be set. Any other id of digits is bound. */
export const IDS: ReadonlyMap<string, Script> = new Map<string, Script>([
  ['400', { kind: 'refuse', reason: 'ID_MISMATCH' }],
  ['404', { kind: 'refuse', reason: 'PROFILE_UNKNOWN' }],
  ['409', { kind: 'refuse', reason: 'CONFLICT' }],
  ['429', { kind: 'refuse', reason: 'TOO_MANY_ATTEMPTS' }],
  ['500', { kind: 'refuse', reason: 'INTERNAL' }],
  ['5031', { kind: 'refuse', reason: 'REGULATOR_UNAVAILABLE' }],
  ['5032', { kind: 'refuse', reason: 'NEIGHBOUR_UNAVAILABLE' }],
  ['5033', { kind: 'refuse', reason: 'SERVICE_DEGRADED' }],
  ['900', { kind: 'slow' }],
]);

const HOUR_MS = 3_600_000;

type Known = Pick<Facts, 'binding' | 'session'> & { person: boolean; endedAt: number | null };
const driver = (facts: Partial<Known>): Known => ({
  person: true,
  binding: 'bound',
  session: 'online',
  endedAt: 8 * HOUR_MS,
  ...facts,
});

/** The drivers of the stub, by their driver id, in any park; times in ms after its start. Nobody else is known. */
export const DRIVERS: Readonly<Record<string, Known>> = {
  pass: driver({}),
  'no-id': driver({ binding: 'unbound' }),
  'id-rejected': driver({ binding: 'rejected' }),
  'id-recheck': driver({ binding: 'recheck' }),
  'no-session': driver({ session: null, endedAt: null }),
  'session-ended': driver({ endedAt: -HOUR_MS }),
  'session-finished': driver({ session: 'finished', endedAt: null }),
  'session-state-unknown': driver({ session: 'unrecognised', endedAt: null }),
  'person-unknown': driver({ person: false, binding: 'unbound', session: null, endedAt: null }),
};

/** The facts of a driver; null for those nobody knows. */
export function factsOf(parkId: string, driverId: string, startedAt: number): Facts | null {
  const known = Object.hasOwn(DRIVERS, driverId) ? DRIVERS[driverId]! : null;
  if (!known) return null;
  const { binding, session, endedAt } = known;
  const person = known.person ? `person-${driverId}` : '';
  return {
    parkId,
    hasPerson: known.person,
    person,
    share: shareOf(person),
    binding,
    bindingUpdatedAt: binding === 'unbound' ? null : startedAt,
    session,
    sessionUpdatedAt: session && startedAt,
    sessionEndedAt: endedAt === null ? null : startedAt + endedAt,
    region: session ? 'moscow' : '',
  };
}

export function idFactsOf(driverId: string, startedAt: number): IdFacts | null {
  const facts = factsOf('', driverId, startedAt);
  if (!facts) return null;
  const { person, binding: state, bindingUpdatedAt: updatedAtMs } = facts;
  if (state === 'unbound') return { person: person !== '', binding: null };
  return { person: true, binding: { state, updatedAtMs, deptransId: '1234567' as DeptransId } };
}
