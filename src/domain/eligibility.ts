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
  const able = look.profiles.filter((profile) => isAwake(profile, since));
  if (able.length === 0) return { kind: 'disconnected', reason: 'silent' };
  if (!rules.regions.some((region) => region.on)) return { kind: 'disconnected', reason: 'region_off' };
  const pairs: { profile: OwnedProfile; region: Region; at: Point | undefined }[] = [];
  for (const profile of able) {
    const at = positions.get(profileKey(profile));
    for (const region of rules.regions) if (admits(region, profile)) pairs.push({ profile, region, at });
  }
  if (pairs.length === 0) return { kind: 'disconnected', reason: 'tariff' };

  const inside = pairs.filter(({ at, region }) => isInside(at, region));
  const here = inside.find(({ region }) => region.id === account.region) ?? inside[0];
  const as = (region: string, outsideSince: Date | null): Desired => ({
    kind: 'connected',
    region,
    connectedAt: pairs.reduce<Date | null>(
      (newest, { profile: { connectedAt: at } }) => (at && (!newest || at > newest) ? at : newest),
      null,
    ),
    outsideSince,
  });
  if (here) return as(here.region.id, null);

  const unknown = pairs.find(({ at }) => !at);
  if (!account.believed)
    return unknown ? { kind: 'wait', reason: 'no_position' } : { kind: 'disconnected', reason: 'outside' };
  const home = pairs.find(({ region }) => region.id === account.region) ?? pairs[0]!;
  if (unknown) return as(home.region.id, account.outsideSince);
  if (pairs.some(({ at, region }) => isNear(at, region))) return as(home.region.id, null);
  const leftAt = account.outsideSince ?? now;
  const dwelt = now.getTime() - leftAt.getTime() >= home.region.dwellMs;
  return dwelt ? { kind: 'disconnected', reason: 'outside' } : as(home.region.id, leftAt);
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

function isInside(point: Point | undefined, region: Region): boolean {
  return point !== undefined && contains(region.area, point);
}

function isNear(point: Point | undefined, region: Region): boolean {
  return point !== undefined && isWithin(region.area, point, region.exitBufferMeters);
}
