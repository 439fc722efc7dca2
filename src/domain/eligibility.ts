import { contains, isWithin, type Point, type Region, type Rules } from './region.ts';
import type { Look, OwnedProfile } from './report.ts';

/**
 * What the regulator should be told about an account now: a level, computed from the state, never from an event.
 *
 * CONNECTED while some profile of the owner is connected, works by a listed tariff and is inside a region that is on. Leaving the region counts
 * only beyond the exit buffer and after the dwell. An unknown position never closes; it only keeps an account waiting that is not open.
 */
export type Desired =
  | { kind: 'connected'; region: string; connectedAt: Date | null; outsideSince: Date | null }
  | { kind: 'wait'; reason: 'no_position' }
  | { kind: 'disconnected'; reason: DisconnectedReason };

export type DisconnectedReason = 'offline' | 'silent' | 'no_id' | 'tariff' | 'region_off' | 'outside';

/** Fresh positions of profiles, by `profileKey`. What is missing is unknown. */
export type Positions = ReadonlyMap<string, Point>;

export type EligibilityLimits = {
  /** A connected profile without any event for so long counts as offline. */
  maxSilenceMs: number;
};

export function profileKey(profile: { parkId: string; driverId: string }): string {
  return `${profile.parkId}/${profile.driverId}`;
}

/** The profiles whose position decides: connected, not silent, with a tariff that a region lists. Empty: no position is needed. */
export function candidates(look: Look, rules: Rules, limits: EligibilityLimits): OwnedProfile[] {
  if (!look.owner) return [];
  const since = awakeSince(look, limits);
  return look.profiles.filter((one) => isAwake(one, since) && rules.regions.some((region) => admits(region, one)));
}

export function desiredLevel(look: Look, rules: Rules, positions: Positions, limits: EligibilityLimits): Desired {
  const { account, owner, now } = look;
  if (!owner) return { kind: 'disconnected', reason: 'no_id' };
  if (!look.profiles.some((profile) => profile.connected)) return { kind: 'disconnected', reason: 'offline' };
  const since = awakeSince(look, limits);
  if (!look.profiles.some((profile) => isAwake(profile, since))) return { kind: 'disconnected', reason: 'silent' };
  if (!rules.regions.some((region) => region.on)) return { kind: 'disconnected', reason: 'region_off' };
  const { home, here, connectedAt, unknown } = surveyOf(look, rules, positions, since);
  if (!home) return { kind: 'disconnected', reason: 'tariff' };
  const as = (region: Region, outsideSince: Date | null): Desired => ({
    kind: 'connected',
    region: region.id,
    connectedAt,
    outsideSince,
  });
  if (here) return as(here, null);
  if (!account.believed)
    return unknown ? { kind: 'wait', reason: 'no_position' } : { kind: 'disconnected', reason: 'outside' };
  if (unknown) return as(home, account.outsideSince);
  if (isSomeNear(look, rules, positions, since)) return as(home, null);
  const leftAt = account.outsideSince ?? now;
  const dwelt = now.getTime() - leftAt.getTime() >= home.dwellMs;
  return dwelt ? { kind: 'disconnected', reason: 'outside' } : as(home, leftAt);
}

type Survey = {
  /** A region that admits some profile, and one that has it inside, the account's own first; null if there is none. */
  home: Region | null;
  here: Region | null;
  /** Of the profiles admitted, since when the last of them is connected, and whether nobody knows where one of them is. */
  connectedAt: Date | null;
  unknown: boolean;
};

/** Looks once at each profile in each region that admits it. */
function surveyOf(look: Look, rules: Rules, positions: Positions, since: number): Survey {
  const survey: Survey = { home: null, here: null, connectedAt: null, unknown: false };
  const own = look.account.region;
  for (const profile of look.profiles) {
    if (!isAwake(profile, since)) continue;
    const at = positions.get(profileKey(profile));
    for (const region of rules.regions) {
      if (!admits(region, profile)) continue;
      const { connectedAt } = profile;
      if (connectedAt && (!survey.connectedAt || connectedAt > survey.connectedAt)) survey.connectedAt = connectedAt;
      if (!survey.home || (region.id === own && survey.home.id !== own)) survey.home = region;
      if (!at) survey.unknown = true;
      else if ((!survey.here || (region.id === own && survey.here.id !== own)) && contains(region.area, at)) {
        survey.here = region;
      }
    }
  }
  return survey;
}

function isSomeNear(look: Look, rules: Rules, positions: Positions, since: number): boolean {
  return look.profiles.some((profile) => {
    const at = isAwake(profile, since) ? positions.get(profileKey(profile)) : undefined;
    return at && rules.regions.some((one) => admits(one, profile) && isWithin(one.area, at, one.exitBufferMeters));
  });
}

/** Of connected profiles, those heard of since then are not silent. Milliseconds since 1970. */
function awakeSince({ now }: Look, { maxSilenceMs }: EligibilityLimits): number {
  return now.getTime() - maxSilenceMs;
}

function isAwake({ connected, seenAt }: OwnedProfile, since: number): boolean {
  return connected && (seenAt?.getTime() ?? 0) >= since;
}

function admits(region: Region, profile: OwnedProfile): boolean {
  return region.on && profile.categories.some((category) => region.tariffs.includes(category));
}
