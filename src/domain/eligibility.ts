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
  return awake(look, limits).filter((profile) => rules.regions.some((region) => admits(region, profile)));
}

export function desiredLevel(look: Look, rules: Rules, positions: Positions, limits: EligibilityLimits): Desired {
  const { account, owner, now } = look;
  if (!owner) return { kind: 'disconnected', reason: 'no_id' };
  const connected = look.profiles.filter((profile) => profile.connected);
  if (connected.length === 0) return { kind: 'disconnected', reason: 'offline' };
  const able = awake(look, limits);
  if (able.length === 0) return { kind: 'disconnected', reason: 'silent' };
  if (!rules.regions.some((region) => region.on)) return { kind: 'disconnected', reason: 'region_off' };
  const pairs = able.flatMap((profile) => {
    const at = positions.get(profileKey(profile));
    return rules.regions.filter((region) => admits(region, profile)).map((region) => ({ profile, region, at }));
  });
  if (pairs.length === 0) return { kind: 'disconnected', reason: 'tariff' };

  const inside = pairs.filter(({ at, region }) => isInside(at, region));
  const here = inside.find(({ region }) => region.id === account.region) ?? inside[0];
  const as = (region: string, outsideSince: Date | null): Desired => ({
    kind: 'connected',
    region,
    connectedAt: newest(pairs.map(({ profile }) => profile.connectedAt)),
    outsideSince,
  });
  if (here) return as(here.region.id, null);

  const unknown = pairs.find(({ at }) => !at);
  if (!account.believed)
    return unknown ? { kind: 'wait', reason: 'no_position' } : { kind: 'disconnected', reason: 'outside' };
  const home = pairs.find(({ region }) => region.id === account.region) ?? pairs[0]!;
  if (unknown) return as(home.region.id, account.outsideSince);
  if (pairs.some(({ at, region }) => isNear(at, region))) return as(home.region.id, null);
  const since = account.outsideSince ?? now;
  const dwelt = now.getTime() - since.getTime() >= home.region.dwellMs;
  return dwelt ? { kind: 'disconnected', reason: 'outside' } : as(home.region.id, since);
}

function awake({ profiles, now }: Look, { maxSilenceMs }: EligibilityLimits): OwnedProfile[] {
  const since = now.getTime() - maxSilenceMs;
  return profiles.filter((profile) => profile.connected && (profile.seenAt?.getTime() ?? 0) >= since);
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

function newest(dates: (Date | null)[]): Date | null {
  return dates.reduce((a, b) => (b && (!a || b > a) ? b : a), null);
}
