import type { RegulatorServer } from '../../simulator/regulator/regulator.ts';
import { EVERYBODY, shareOf } from '../../verdict/verdict.ts';
import { type Driver, personOf } from '../days/driver.ts';
import type { City } from './city.ts';

/** What is true of the city, from the drivers and the regulator alone. */
export type Truth = {
  /** Drivers who work by a listed tariff in the region. */
  connected: readonly Driver[];
  /** Of them, who has no id or no shift. */
  failing: number;
  /** Of them, of whom nobody can know whether the id is theirs: they have a new licence, and the regulator has not been asked. */
  unknown: number;
  /** Of those who fail, who is among the part of the people that is blocked. */
  blocked: number;
};

/** `share`: the part of the people that is blocked, 0 to 1. Who left while his shift is open is where that is. */
export function truthOf(
  { drivers, relicensed }: Pick<City, 'drivers' | 'relicensed'>,
  { registry }: RegulatorServer,
  { share, nowMs }: { share: number; nowMs: number },
): Truth {
  const truth = { connected: [] as Driver[], failing: 0, unknown: 0, blocked: 0 };
  for (const driver of drivers) {
    if (!driver.profiles.some(({ status, listed }) => status !== 'offline' && listed)) continue;
    const shift = driver.bound ? registry.shift(driver.deptransId, nowMs) : null;
    const isOpen = shift !== null && shift.endedAtMs === null;
    if (!isOpen && !driver.inside) continue;
    truth.connected.push(driver);
    if (isOpen) continue;
    if (relicensed.has(driver)) {
      truth.unknown += 1;
      continue;
    }
    truth.failing += 1;
    if (shareOf(personOf(driver)) < share * EVERYBODY) truth.blocked += 1;
  }
  return truth;
}
