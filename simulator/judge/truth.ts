import { openTimeline, type Timeline, valuesBetween } from './timeline.ts';

/**
 * What really happened in the city, written down by the city itself as it happens, and what follows from it for each government id.
 *
 * The rule: an id is connected while some profile of the person it is bound to is connected, works a listed tariff and is inside the region, while that is on.
 */
export type Truth = {
  status(profile: string, connected: boolean, atMs: number): void;
  tariffs(profile: string, listed: boolean, atMs: number): void;
  place(profile: string, place: Place, atMs: number): void;
  /** Whether the region is on, as somebody switched it. It is at first. */
  region(on: boolean, atMs: number): void;
  readonly isRegionOn: boolean;
  /** Null: the profile is deleted or has no licence. */
  person(profile: string, pdId: string | null, atMs: number): void;
  /** Null: nobody holds the id. A person holds one id: a former one is given up. */
  binding(deptransId: string, pdId: string | null, atMs: number): void;
  /** Whether a request to bind the id is under way, so that nobody can say yet whose it is. */
  unsettled(deptransId: string, yes: boolean): void;
  isUnsettled(deptransId: string): boolean;
  readonly ids: Iterable<string>;
  /** Every profile that ever belonged to somebody who held the id. */
  profilesOf(deptransId: string): ProfileLife[];
  holder(deptransId: string): string | null;
  /** At the moment, whether the profile counts for the id, but for its status. */
  leads(profile: ProfileLife, deptransId: string, ms: number): boolean;
  /**
   * Whether somebody may have thought between the two moments that the profile counts for the id (`yes`), or that it does not (`no`), but for
   * its status. Tariffs, place, licence and region may have been known as they were up to `slackMs` before.
   */
  couldCount(profile: ProfileLife, deptransId: string, when: Span): { yes: boolean; no: boolean };
};

export type Span = { fromMs: number; toMs: number; slackMs: number };

export type Place = 'inside' | 'outside' | 'unknown';

export type ProfileLife = {
  readonly key: string;
  readonly connected: Timeline<boolean>;
  readonly listed: Timeline<boolean>;
  readonly place: Timeline<Place>;
  readonly person: Timeline<string | null>;
};

/** How old a position may be and still be used while there is no newer one. */
const recentMs = 10 * 60_000;

export function openTruth(): Truth {
  const profiles = new Map<string, ProfileLife>();
  const bindings = new Map<string, Timeline<string | null>>();
  const idOf = new Map<string, string>();
  const profilesOfPerson = new Map<string, Set<ProfileLife>>();
  const pending = new Map<string, number>();
  const region = openTimeline(true);
  const life = (key: string) => {
    const known = profiles.get(key);
    if (known) return known;
    const made: ProfileLife = {
      key,
      connected: openTimeline(false),
      listed: openTimeline(false),
      place: openTimeline<Place>('unknown'),
      person: openTimeline<string | null>(null),
    };
    profiles.set(key, made);
    return made;
  };
  const bindingOf = (id: string) => {
    const known = bindings.get(id) ?? openTimeline<string | null>(null);
    bindings.set(id, known);
    return known;
  };
  const leads = (profile: ProfileLife, id: string, ms: number) => {
    const person = profile.person.at(ms);
    return person !== null && person === bindings.get(id)?.at(ms);
  };
  return {
    leads,
    status: (key, connected, atMs) => life(key).connected.set(connected, atMs),
    tariffs: (key, listed, atMs) => life(key).listed.set(listed, atMs),
    place: (key, place, atMs) => life(key).place.set(place, atMs),
    region: (on, atMs) => region.set(on, atMs),
    get isRegionOn() {
      return region.value;
    },
    person(key, pdId, atMs) {
      const profile = life(key);
      profile.person.set(pdId, atMs);
      if (pdId === null) return;
      const mates = profilesOfPerson.get(pdId) ?? new Set();
      profilesOfPerson.set(pdId, mates.add(profile));
    },
    binding(id, pdId, atMs) {
      const former = pdId === null ? undefined : idOf.get(pdId);
      if (former !== undefined && former !== id) bindingOf(former).set(null, atMs);
      const before = bindingOf(id).value;
      if (before !== null) idOf.delete(before);
      if (pdId !== null) idOf.set(pdId, id);
      bindingOf(id).set(pdId, atMs);
    },
    unsettled(id, yes) {
      const left = (pending.get(id) ?? 0) + (yes ? 1 : -1);
      if (left > 0) pending.set(id, left);
      else pending.delete(id);
    },
    isUnsettled: (id) => pending.has(id),
    get ids() {
      return bindings.keys();
    },
    profilesOf(id) {
      const people = new Set(bindings.get(id)?.entries.map(({ value }) => value));
      return [...new Set([...people].flatMap((pdId) => [...(profilesOfPerson.get(pdId ?? '') ?? [])]))];
    },
    holder: (id) => bindings.get(id)?.value ?? null,
    couldCount(profile, id, { fromMs, slackMs, toMs }) {
      const persons = valuesBetween(profile.person, fromMs - slackMs, toMs);
      const holders = valuesBetween(bindingOf(id), fromMs, toMs);
      const listed = valuesBetween(profile.listed, fromMs - slackMs, toMs);
      const places = valuesBetween(profile.place, fromMs - slackMs, toMs);
      const switched = valuesBetween(region, fromMs - slackMs, toMs);
      const lately = places.includes('unknown') ? valuesBetween(profile.place, fromMs - recentMs, toMs) : places;
      const matches = persons.flatMap((person) => holders.map((holder) => person !== null && person === holder));
      return {
        yes: matches.includes(true) && listed.includes(true) && lately.includes('inside') && switched.includes(true),
        no: [matches, listed, switched].some((values) => values.includes(false)) || places.includes('outside'),
      };
    },
  };
}
