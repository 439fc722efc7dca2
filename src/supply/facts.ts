import type { Facts } from '../../verdict/verdict.ts';
import type { Roll } from './roll.ts';

/** A profile of a person as verdicts are made of it. Nobody knows one that has not come with the feed. */
export function factsOf(roll: Roll, row: number, profile: number): Facts | null {
  if (!roll.profiles.isPublished(profile)) return null;
  const person = roll.token(row);
  return {
    parkId: roll.profiles.parkId(profile),
    hasPerson: person !== '',
    person,
    share: roll.share(row),
    binding: roll.binding(row),
    bindingUpdatedAt: orNull(roll.bindingUpdatedAt(row)),
    session: roll.session(row),
    sessionUpdatedAt: orNull(roll.sessionUpdatedAt(row)),
    sessionEndedAt: orNull(roll.sessionEndedAt(row)),
    region: roll.sessionRegion(row),
  };
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
