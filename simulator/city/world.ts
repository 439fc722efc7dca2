import type { Truth } from '../judge/truth.ts';
import { type NeighbourData, profileKey } from '../neighbours/neighbour-data.ts';
import { shareOf } from '../random.ts';
import type { Registry } from '../regulator/registry.ts';
import { isListed, type Person, type Profile } from './people.ts';

/** The places where the facts of the city are kept: the neighbours and the regulator for others to see, the truth for the judge. */
export type World = { data: NeighbourData; registry: Registry; truth: Truth };

/** Writes down a person with all there is to know. `atMs` is minus infinity for those who were always there. */
export function settle(world: World, person: Person, atMs: number): void {
  setLicence(world, person);
  for (const profile of person.profiles) settleProfile(world, person, profile, atMs);
}

export function settleProfile(world: World, person: Person, profile: Profile, atMs: number): void {
  setPerson(world, profile, person.pdId, atMs);
  setTariffs(world, profile, profile.categories, atMs);
  setPlace(world, person, profile, atMs);
}

/** The licence of the person, at personal and at the regulator. */
export function setLicence({ data, registry }: World, person: Person): void {
  data.putLicence(person.pdId, person.licence);
  registry.put(person.deptransId, person.licence);
}

export function setPerson({ data, truth }: World, profile: Profile, pdId: string, atMs: number): void {
  data.putProfile(profile, pdId);
  truth.person(profileKey(profile), pdId, atMs);
}

export function deleteProfile({ data, truth }: World, profile: Profile, atMs: number): void {
  data.deleteProfile(profile);
  truth.person(profileKey(profile), null, atMs);
}

export function setTariffs(
  { data, truth }: World,
  profile: Profile,
  categories: readonly string[],
  atMs: number,
): void {
  data.putCategories(profile, categories);
  truth.tariffs(profileKey(profile), isListed(categories), atMs);
}

/** Inside is within the ring road, outside is the other capital: far from any border. */
export function setPlace({ data, truth }: World, person: Person, profile: Profile, atMs: number): void {
  const [lon, lat] = person.inside ? [37.45, 55.62] : [30.2, 59.85];
  const key = profileKey(profile);
  const at = { lon: lon + 0.3 * shareOf(key, 'lon'), lat: lat + 0.2 * shareOf(key, 'lat') };
  data.putPosition(profile, person.located ? at : null);
  truth.place(key, person.located ? (person.inside ? 'inside' : 'outside') : 'unknown', atMs);
}
