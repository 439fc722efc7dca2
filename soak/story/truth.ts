import { countLoss, type LossLaw, type LossPerson } from '../../simulator/judge/loss.ts';
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

const region = 'moscow';

/** `share`: the part of the people that is blocked, 0 to 1. Who left while his shift is open is where that is. */
export function truthOf(
  { drivers, relicensed }: Pick<City, 'drivers' | 'relicensed'>,
  { registry }: RegulatorServer,
  { share, nowMs }: { share: number; nowMs: number },
): Truth {
  const law = lawOf(share);
  const personIn = (driver: Driver): LossPerson => {
    const shift = driver.bound ? registry.shift(driver.deptransId, nowMs) : null;
    return {
      licensed: true,
      binding: relicensed.has(driver) ? 'recheck' : driver.bound ? 'bound' : 'unbound',
      boundAtMs: Number.NEGATIVE_INFINITY,
      shift: shift && {
        word: shift.endedAtMs === null ? 'online' : 'finished',
        endsAtMs: Number.POSITIVE_INFINITY,
        region,
      },
      place: driver.inside ? region : null,
      share: shareOf(personOf(driver)),
      profiles: driver.profiles.map(({ parkId, status, listed }) => {
        return { parkId, tariffs: listed ? ['econom'] : [], connected: status !== 'offline', heardAtMs: nowMs };
      }),
    };
  };
  const people = new Map(drivers.map((driver) => [driver, personIn(driver)]));
  const isConnected = (person: LossPerson) => Object.keys(countLoss([person], law, nowMs)).length > 0;
  const counts = countLoss(people.values(), law, nowMs);
  const all = (what: string) => counts[`${region} any ${what}`] ?? 0;
  return {
    connected: [...people].filter(([, person]) => isConnected(person)).map(([driver]) => driver),
    failing: all('failing'),
    unknown: all('unknown'),
    blocked: all('blocked'),
  };
}

/** Both checks block that part of the people. */
function lawOf(share: number): LossLaw {
  const common = { tariffs: [], blocks: true, fromMs: 0, share: share * EVERYBODY, withoutParks: [], graceMs: 0 };
  const rules = (['deptrans_id', 'session'] as const).map((check) => ({ check, ...common }));
  return { regions: { [region]: { tariffs: ['econom'], endsSoonMs: 0, rules } }, silenceMs: 0 };
}
