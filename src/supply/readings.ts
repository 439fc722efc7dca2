import { OUTCOME_OF } from '../../verdict/verdict.ts';
import type { RegionReading } from '../store/region-readings.ts';
import { AS_PUT, blockedEverywhere } from './ballot.ts';
import type { Census } from './census.ts';
import type { RegionFigures } from './figures.ts';

/**
 * What the limits of each region are compared with: of its people, how many the policy as put blocks by whatever tariff, and of how many a check cannot
 * know. `since`: the database was read then.
 */
export function readingsOf(census: Census, now: number, since: number): RegionReading[] {
  const regions = census.lens.policy.policy.regions.map(({ id }) => id);
  const dataAgeMs = Math.max(0, now - since);
  const found = new Map(regions.map((region) => [region, { region, connected: 0, lost: 0, unknown: 0, dataAgeMs }]));
  for (const { ballot, people } of census.counted(now)) {
    const reading = found.get(ballot.region);
    if (!reading) continue;
    reading.connected += people;
    if (blockedEverywhere(ballot) & AS_PUT) reading.lost += people;
    const outcomes = [OUTCOME_OF[ballot.deptransId], OUTCOME_OF[ballot.session]];
    if (outcomes.includes('unknown')) reading.unknown += people;
  }
  return [...found.values()];
}

/** How things stand at a moment, by which version of the policy. */
export type Standing = { policyVersion: number; unplaced: number; figures: Map<string, RegionFigures> };

export function standingOf(census: Census, now: number): Standing {
  const policyVersion = census.lens.policy.policy.version;
  return { policyVersion, unplaced: unplaced(census, now), figures: census.figures(now) };
}

/** People who would count, if somebody knew where they are. */
export function unplaced(census: Census, now: number): number {
  let sum = 0;
  for (const { ballot, people } of census.counted(now)) if (ballot.region === '') sum += people;
  return sum;
}
