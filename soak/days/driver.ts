import type { Random } from '../../simulator/random.ts';

/** A driver as he really is. All his profiles are in one car, so in one place. */
export type Driver = {
  readonly no: number;
  readonly profiles: DriverProfile[];
  readonly deptransId: string;
  /** How many licences he has had before this one. */
  licence: number;
  /** Whether the id is bound to the licence that he has. */
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
  status: Status;
  listed: boolean;
  /** The time of its last event. */
  saidAtMs: number;
};

export type Status = 'offline' | 'online' | 'busy';

/** `silence`: his apps say where they are for the last time, and are not heard of for a long while. `licence`: he has got a new one. */
export type Action =
  | { kind: 'status'; driver: Driver; profile: DriverProfile; status: Status }
  | { kind: 'tariff'; driver: Driver; profile: DriverProfile; listed: boolean }
  | { kind: 'place'; driver: Driver; inside: boolean }
  | { kind: 'binding'; driver: Driver; bound: boolean }
  | { kind: 'licence'; driver: Driver }
  | { kind: 'silence'; driver: Driver };

const minute = 60_000;
const hour = 60 * minute;

export function makeDriver(no: number, random: Random): Driver {
  const profiles = Array.from({ length: random.chance(0.2) ? 2 : 1 }, (_, i): DriverProfile => {
    const listed = random.chance(0.97);
    return { parkId: `park-${no % 100}`, driverId: `${no}-${i}`, status: 'offline', listed, saidAtMs: 0 };
  });
  return {
    no,
    profiles,
    deptransId: String(1_000_000 + no),
    licence: 0,
    bound: random.chance(0.95),
    inside: random.chance(0.9),
    leftAtMs: Number.NEGATIVE_INFINITY,
    changedAtMs: Number.NEGATIVE_INFINITY,
  };
}

/** The person that the driver is by the licence that he has. */
export function personOf({ no, licence }: Driver): string {
  return `person-${no}-${licence}`;
}

/** When a driver first does something. */
export function firstAtMs(random: Random): number {
  return random.int(8 * hour);
}

/**
 * What a driver does next, and how long after that he does the next thing. Works some hours, rests some hours; in between takes orders, drives out and in, loses
 * and gains tariffs and the id, changes his licence, uses his second profile, falls silent for longer than `silenceMs`.
 */
export function nextAction(driver: Driver, random: Random, silenceMs: number): { action: Action; thenInMs: number } {
  const on = driver.profiles.filter(({ status }) => status !== 'offline');
  const off = driver.profiles.filter(({ status }) => status === 'offline');
  const dice = random.next();
  if (dice < (driver.bound ? 0.01 : 0.3))
    return { action: { kind: 'binding', driver, bound: !driver.bound }, thenInMs: soon(random) };
  if (dice < 0.015) return { action: { kind: 'licence', driver }, thenInMs: soon(random) };
  if (dice < 0.022 && on.length > 0)
    return { action: { kind: 'silence', driver }, thenInMs: silenceMs + random.int(4 * hour) };
  if (dice < 0.08) {
    const profile = random.pick(driver.profiles);
    return { action: { kind: 'tariff', driver, profile, listed: !profile.listed }, thenInMs: soon(random) };
  }
  if (dice < 0.23) return { action: { kind: 'place', driver, inside: !driver.inside }, thenInMs: 2 * soon(random) };
  if (on.length === 0) return toStatus(driver, random.pick(off), 'online', soon(random));
  const profile = random.pick(on);
  if (dice < 0.5)
    return toStatus(driver, profile, 'offline', on.length > 1 ? soon(random) : hour + random.int(8 * hour));
  if (off.length > 0 && dice < 0.65) return toStatus(driver, random.pick(off), 'online', soon(random));
  return toStatus(driver, profile, profile.status === 'busy' ? 'online' : 'busy', soon(random));
}

function toStatus(driver: Driver, profile: DriverProfile, status: Status, thenInMs: number) {
  return { action: { kind: 'status' as const, driver, profile, status }, thenInMs };
}

function soon(random: Random): number {
  return minute + random.int(2 * hour);
}
