import { type Facts, SESSION_STATUSES, shareOf } from '../../verdict/verdict.ts';
import type { Image } from './image.ts';

/** What the image knows of a profile, as verdicts are made of it. `no`: a profile that is not deleted. */
export function factsOf(
  { profiles, people, regions }: Pick<Image, 'profiles' | 'people' | 'regions'>,
  no: number,
  parkId: string,
): Facts {
  const person = profiles.person(no);
  const token = person === 0 ? '' : people.token(person);
  const isOn = people.hasSession(person);
  const isBound = people.bindingSeq(person) > 0;
  return {
    parkId,
    hasPerson: token !== '',
    person: token,
    share: token === '' ? 0 : shareOf(token),
    binding: isBound ? people.bindingState(person) : 'unbound',
    bindingUpdatedAt: isBound ? millisOf(people.bindingUpdatedUs(person)) : null,
    session: isOn ? (SESSION_STATUSES[people.status(person)] ?? 'unrecognised') : null,
    sessionUpdatedAt: isOn ? millisOf(people.sessionUpdatedUs(person)) : null,
    sessionEndedAt: isOn ? millisOf(people.sessionEndedUs(person)) : null,
    region: isOn ? regions.nameOf(people.region(person)) : '',
  };
}

export function millisOf(micros: number): number | null {
  return Number.isNaN(micros) ? null : Math.floor(micros / 1_000);
}
