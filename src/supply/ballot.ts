import { type Facts, type Judgement, judge, type Order, type Reason, type Verdict } from '../../verdict/verdict.ts';
import { NOT_WORKED } from './ballots.ts';
import { factsOf } from './facts.ts';
import type { Lens } from './lens.ts';
import type { Roll } from './roll.ts';

/** How a person counts: where, by which tariffs, and what each check says. Most people count like many others. */
export type Ballot = Readonly<{
  /** Empty: somewhere, nobody knows where; then nothing else is said. */
  region: string;
  deptransId: Reason;
  session: Reason;
  /** The tariffs by which the person works there, in the region's order. */
  tariffs: readonly { category: string; blocked: number }[];
}>;

/** Bits of `blocked`: the policy blocks by the check, or by any, or would if no region had stepped back. */
export const BY_ID = 1;
export const BY_SESSION = 2;
export const AT_ALL = 4;
export const AS_PUT = 8;
const BY_ALL = 15;

export const UNPLACED: Ballot = { region: '', deptransId: 'not_required', session: 'not_required', tariffs: [] };

/**
 * How a person counts now; null: not at all (nobody heard of it for long, it is outside, or works by no tariff of its region). The same one function
 * judges as everywhere. Of several profiles the policy's mildest word counts, since orders come through each.
 */
export function ballotOf(roll: Roll, row: number, lens: Lens, now: number, maxSilenceMs: number): Ballot | null {
  const region = regionOf(roll, row, now);
  if (region === null) return isListed(roll, row, lens, now, maxSilenceMs) ? UNPLACED : null;
  const own = lens.regionOf(region);
  if (!own) return null;
  // Of each of the region's tariffs what blocks through every profile.
  const blocked = own.ballots.blank();
  let reasons: Judgement | null = null;
  for (let profile = roll.firstProfile(row); profile !== 0; profile = roll.profiles.next(profile)) {
    if (now - roll.profiles.seenAt(profile) > maxSilenceMs) continue;
    const places = own.placesOf(roll.profiles.categories(profile));
    if (places.length === 0) continue;
    const facts = factsOf(roll, row, profile);
    let bits: number | null = null;
    for (const place of places) {
      bits = own.isAlike
        ? (bits ?? bitsOf(facts, own.orders[place]!, lens, now))
        : bitsOf(facts, own.orders[place]!, lens, now);
      blocked[place] = blocked[place] === NOT_WORKED ? bits : blocked[place]! & bits;
    }
    reasons ??= judge(facts, own.orders[places[0]!]!, lens.blocking, now, 0);
  }
  return reasons && own.ballots.of(blocked, reasons.deptransId.reason, reasons.session.reason);
}

/** Whether an order through any tariff is kept from the person, by a check or at all: it is, if it is through each. */
export function blockedEverywhere({ tariffs }: Ballot): number {
  return tariffs.reduce((bits, { blocked }) => bits & blocked, BY_ALL);
}

/**
 * Where a person counts: where its open shift was judged; without one, where it was found; if nobody said where, where its last shift was judged. Empty:
 * outside every region; null: not known.
 */
export function regionOf(roll: Roll, row: number, now: number): string | null {
  const judged = roll.sessionRegion(row);
  if (judged !== '' && isOpen(roll, row, now)) return judged;
  return roll.place(row) ?? (judged === '' ? null : judged);
}

/** Whether nobody but trackstory can say where the person is. */
export function needsPlace(roll: Roll, row: number, lens: Lens, now: number, maxSilenceMs: number): boolean {
  if (roll.sessionRegion(row) !== '' && isOpen(roll, row, now)) return false;
  return isListed(roll, row, lens, now, maxSilenceMs);
}

/** The next moment at which the person may count differently though nothing is told; infinity: never. */
export function nextChangeAt(roll: Roll, row: number, lens: Lens, now: number, maxSilenceMs: number): number {
  let next = Number.POSITIVE_INFINITY;
  const consider = (at: number) => {
    if (at > now && at < next) next = at;
  };
  const endedAt = roll.sessionEndedAt(row);
  consider(endedAt);
  const region = lens.policy.regions.get(regionOf(roll, row, now) ?? '');
  if (region) {
    consider(endedAt - region.region.endsSoonMs);
    const boundAt = roll.bindingUpdatedAt(row);
    for (const graceMs of lens.gracesOf(region.region.id)) consider(boundAt + graceMs);
  }
  for (let profile = roll.firstProfile(row); profile !== 0; profile = roll.profiles.next(profile))
    consider(roll.profiles.seenAt(profile) + maxSilenceMs + 1);
  return next;
}

/** Whether some profile of the person has not been heard of for too long. */
export function fellSilent(roll: Roll, row: number, now: number, maxSilenceMs: number): boolean {
  for (let profile = roll.firstProfile(row); profile !== 0; profile = roll.profiles.next(profile))
    if (now - roll.profiles.seenAt(profile) > maxSilenceMs) return true;
  return false;
}

function bitsOf(facts: Facts | null, order: Order, { policy, asPut }: Lens, now: number): number {
  const { deptransId, session, isAllowed } = judge(facts, order, policy, now, 0);
  const isAllowedAsPut = asPut === policy ? isAllowed : judge(facts, order, asPut, now, 0).isAllowed;
  return (
    (isBlocking(deptransId) ? BY_ID : 0) |
    (isBlocking(session) ? BY_SESSION : 0) |
    (isAllowed ? 0 : AT_ALL) |
    (isAllowedAsPut ? 0 : AS_PUT)
  );
}

function isBlocking({ outcome, mode }: Verdict): boolean {
  return outcome === 'fail' && mode === 'block';
}

function isOpen(roll: Roll, row: number, now: number): boolean {
  switch (roll.session(row)) {
    case 'issued':
    case 'online':
    case 'unrecognised':
      return !(roll.sessionEndedAt(row) <= now);
    default:
      return false;
  }
}

function isListed(roll: Roll, row: number, lens: Lens, now: number, maxSilenceMs: number): boolean {
  for (let profile = roll.firstProfile(row); profile !== 0; profile = roll.profiles.next(profile))
    if (now - roll.profiles.seenAt(profile) <= maxSilenceMs && lens.isListed(roll.profiles.categories(profile)))
      return true;
  return false;
}
