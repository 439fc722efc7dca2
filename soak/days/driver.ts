import type { Random } from '../../simulator/random.ts';

/** A driver as he really is. All his profiles are in one car, so in one place. */
export type Driver = {
  readonly no: number;
  readonly profiles: DriverProfile[];
  readonly deptransId: string;
  bound: boolean;
  inside: boolean;
  /** When he last left the region. */
  leftAtMs: number;
  /** When something last happened that may concern the regulator. */
  changedAtMs: number;
};

export type DriverProfile = {
  readonly parkId: string;
  readonly driverId: string;
  status: 'offline' | 'online' | 'busy';
  listed: boolean;
};

export type Action =
  | { kind: 'status'; driver: Driver; profile: DriverProfile; status: DriverProfile['status'] }
  | { kind: 'tariff'; driver: Driver; profile: DriverProfile; listed: boolean }
  | { kind: 'place'; driver: Driver; inside: boolean }
  | { kind: 'binding'; driver: Driver; bound: boolean };

const minute = 60_000;
const hour = 60 * minute;

export function makeDriver(no: number, random: Random): Driver {
  const profiles = Array.from({ length: random.chance(0.2) ? 2 : 1 }, (_, i): DriverProfile => {
    return { parkId: `park-${no % 100}`, driverId: `${no}-${i}`, status: 'offline', listed: random.chance(0.97) };
  });
  return {
    no,
    profiles,
    deptransId: String(1_000_000 + no),
    bound: random.chance(0.95),
    inside: random.chance(0.9),
    leftAtMs: Number.NEGATIVE_INFINITY,
    changedAtMs: Number.NEGATIVE_INFINITY,
  };
}

/** When a driver first does something. */
export function firstAtMs(random: Random): number {
  return random.int(8 * hour);
}

/**
 * What a driver does next, and how long after that he does the next thing. Works some hours, rests some hours; in between takes orders, drives out and in, loses
 * and gains tariffs and the id, uses his second profile.
 */
export function nextAction(driver: Driver, random: Random): { action: Action; thenInMs: number } {
  const on = driver.profiles.filter(({ status }) => status !== 'offline');
  const off = driver.profiles.filter(({ status }) => status === 'offline');
  const dice = random.next();
  if (dice < 0.04) return { action: { kind: 'binding', driver, bound: !driver.bound }, thenInMs: soon(random) };
  if (dice < 0.1) {
    const profile = random.pick(driver.profiles);
    return { action: { kind: 'tariff', driver, profile, listed: !profile.listed }, thenInMs: soon(random) };
  }
  if (dice < 0.25) return { action: { kind: 'place', driver, inside: !driver.inside }, thenInMs: 2 * soon(random) };
  if (on.length === 0) return toStatus(driver, random.pick(off), 'online', soon(random));
  const profile = random.pick(on);
  if (dice < 0.5)
    return toStatus(driver, profile, 'offline', on.length > 1 ? soon(random) : hour + random.int(8 * hour));
  if (off.length > 0 && dice < 0.65) return toStatus(driver, random.pick(off), 'online', soon(random));
  return toStatus(driver, profile, profile.status === 'busy' ? 'online' : 'busy', soon(random));
}

function toStatus(driver: Driver, profile: DriverProfile, status: DriverProfile['status'], thenInMs: number) {
  return { action: { kind: 'status' as const, driver, profile, status }, thenInMs };
}

function soon(random: Random): number {
  return minute + random.int(2 * hour);
}
