import type { Random } from '../random.ts';
import { isConnected, isListed, makeLicence, opaque, type Person, type Profile, pickTariffs } from './people.ts';

/** One thing that happens. A step with `twist` has its event sent twice, or after the profile's next one. */
export type Step =
  | { kind: StatusKind; person: Person; profile: Profile; status: Profile['status']; twist: Twist | null }
  | { kind: 'parkSwitch'; person: Person; from: Profile; to: Profile }
  | { kind: 'driveIn' | 'driveOut' | 'positionLost' | 'positionFound'; person: Person }
  | { kind: 'lateBinding'; person: Person }
  | { kind: 'tariffLost' | 'tariffGained'; person: Person; profile: Profile; categories: readonly string[] }
  | { kind: 'licenceChange'; person: Person; pdId: string; licence: string }
  | { kind: 'profileDeleted' | 'profileAdded'; person: Person; profile: Profile }
  | { kind: 'profileMoved'; person: Person; profile: Profile; to: Person }
  | { kind: 'wrongId'; person: Person; deptransId: string }
  | { kind: 'unreadable' };

/** A plain event. `secondProfile`: came on line while another profile of the person is. */
export type StatusKind = 'cameOnLine' | 'secondProfile' | 'wentOffLine' | 'busyFlip';

export type Twist = 'duplicate' | 'reorder';
export type SceneKind = Exclude<Step['kind'], StatusKind> | 'secondProfile';

/** The scenes, told in turn between the plain events. */
const scenes: readonly SceneKind[] = [
  'driveIn',
  'parkSwitch',
  'tariffLost',
  'secondProfile',
  'lateBinding',
  'driveOut',
  'licenceChange',
  'tariffGained',
  'unreadable',
  'positionLost',
  'profileMoved',
  'wrongId',
  'parkSwitch',
  'profileDeleted',
  'positionFound',
  'profileAdded',
];

/** Every kind there is. */
export const stepKinds: readonly Step['kind'][] = [
  ...new Set<Step['kind']>([...scenes, 'cameOnLine', 'wentOffLine', 'busyFlip']),
];

const eventsPerScene = 12;
const tries = 400;

/**
 * The story of the city: what happens next, by the seed alone. It changes the planned state of people and profiles as it goes, and looks at
 * nothing else, so that the same seed tells the same story whatever the service does. About four in five people are connected in the long
 * run; about a third of the events are on or off, the rest flips between free and busy.
 */
export function openLife(people: readonly Person[], random: Random): { next(): Step } {
  let events = 0;
  let scene = 0;
  const find = (fits: (person: Person) => boolean): Person | null => {
    for (let no = 0; no < tries; no += 1) {
      const person = random.pick(people);
      if (fits(person)) return person;
    }
    return null;
  };
  return {
    next() {
      events += 1;
      if (events % (eventsPerScene + 1) === 0) {
        scene += 1;
        const step = stage(scenes[scene % scenes.length]!, find, random);
        if (step) return step;
      }
      return nextEvent(people, random);
    },
  };
}

function nextEvent(people: readonly Person[], random: Random): Step {
  for (;;) {
    const person = random.pick(people);
    const on = person.profiles.filter(({ status }) => status !== 'offline');
    const off = person.profiles.filter(({ status }) => status === 'offline');
    if (on.length === 0 && random.chance(0.75)) return change(person, random.pick(off), 'online', random);
    if (on.length === 0) continue;
    const profile = random.pick(on);
    if (random.chance(0.2)) return change(person, profile, 'offline', random);
    return change(person, profile, profile.status === 'busy' ? 'online' : 'busy', random);
  }
}

function change(person: Person, profile: Profile, status: Profile['status'], random: Random): Step {
  const dice = random.next();
  const twist = dice < 0.01 ? 'duplicate' : dice < 0.02 ? 'reorder' : null;
  const kind = describe(person, profile, status);
  profile.status = status;
  return { kind, person, profile, status, twist };
}

function describe(person: Person, profile: Profile, status: Profile['status']): StatusKind {
  if (status === 'offline') return 'wentOffLine';
  if (profile.status !== 'offline') return 'busyFlip';
  return isConnected(person) ? 'secondProfile' : 'cameOnLine';
}

type Find = (fits: (person: Person) => boolean) => Person | null;

/** The scene with somebody it fits, or null if nobody was found. */
function stage(kind: SceneKind, find: Find, random: Random): Step | null {
  switch (kind) {
    case 'unreadable':
      return { kind };
    case 'secondProfile':
    case 'parkSwitch':
      return stageParks(kind, find, random);
    case 'tariffLost':
    case 'tariffGained':
      return stageTariffs(kind, find, random);
    case 'profileDeleted':
    case 'profileAdded':
    case 'profileMoved':
      return stageProfiles(kind, find, random);
    case 'driveIn':
    case 'driveOut':
    case 'positionLost':
    case 'positionFound':
      return stagePlaces(kind, find);
    case 'lateBinding':
    case 'licenceChange':
    case 'wrongId':
      return stagePapers(kind, find, random);
    default:
      return kind satisfies never;
  }
}

function stageParks(kind: 'secondProfile' | 'parkSwitch', find: Find, random: Random): Step | null {
  const person = find((one) => isConnected(one) && one.profiles.some(({ status }) => status === 'offline'));
  if (!person) return null;
  const from = random.pick(person.profiles.filter(({ status }) => status !== 'offline'));
  const to = random.pick(person.profiles.filter(({ status }) => status === 'offline'));
  if (kind === 'secondProfile') return change(person, to, 'online', random);
  from.status = 'offline';
  to.status = 'online';
  return { kind, person, from, to };
}

function stageTariffs(kind: 'tariffLost' | 'tariffGained', find: Find, random: Random): Step | null {
  const lose = kind === 'tariffLost';
  const fits = ({ status, categories }: Profile) => status !== 'offline' && isListed(categories) === lose;
  const person = find(({ profiles }) => profiles.some(fits));
  if (!person) return null;
  const profile = random.pick(person.profiles.filter(fits));
  profile.categories = lose ? ['cargo'] : pickTariffs(random);
  return { kind, person, profile, categories: profile.categories };
}

function stageProfiles(
  kind: 'profileDeleted' | 'profileAdded' | 'profileMoved',
  find: Find,
  random: Random,
): Step | null {
  const person = find(({ profiles }) => (kind === 'profileAdded' ? profiles.length === 1 : profiles.length > 1));
  if (!person) return null;
  if (kind === 'profileAdded') {
    const parkId = `park-new-${random.int(20)}`;
    const { categories } = person.profiles[0]!;
    const profile: Profile = { parkId, driverId: opaque(random), status: 'offline', categories };
    person.profiles.push(profile);
    return { kind, person, profile };
  }
  const [profile] = person.profiles.splice(1 + random.int(person.profiles.length - 1), 1);
  if (kind === 'profileDeleted') return { kind, person, profile: profile! };
  const alike = (other: Person) => other.inside === person.inside && other.located === person.located;
  const to = find((other) => other !== person && other.profiles.length === 1 && alike(other));
  (to ?? person).profiles.push(profile!);
  return to && { kind, person, profile: profile!, to };
}

function stagePlaces(kind: 'driveIn' | 'driveOut' | 'positionLost' | 'positionFound', find: Find): Step | null {
  const fits: Record<typeof kind, (person: Person) => boolean> = {
    driveIn: (person) => isConnected(person) && person.located && !person.inside,
    driveOut: (person) => isConnected(person) && person.located && person.inside,
    positionLost: ({ located, inside }) => located && inside,
    positionFound: ({ located }) => !located,
  };
  const person = find(fits[kind]);
  if (!person) return null;
  if (kind === 'driveIn' || kind === 'driveOut') person.inside = kind === 'driveIn';
  else person.located = kind === 'positionFound';
  return { kind, person };
}

function stagePapers(kind: 'lateBinding' | 'licenceChange' | 'wrongId', find: Find, random: Random): Step | null {
  const late = kind === 'lateBinding';
  const person = find((one) =>
    late ? one.binds === 'late' && !one.asked && isConnected(one) : kind === 'wrongId' || one.asked,
  );
  if (!person) return null;
  if (late) {
    person.asked = true;
    return { kind: 'lateBinding', person };
  }
  if (kind === 'licenceChange') return { kind, person, pdId: opaque(random), licence: makeLicence(random) };
  const other = random.chance(0.5) ? null : find((one) => one !== person);
  return { kind: 'wrongId', person, deptransId: other?.deptransId ?? String(900_000_000 + random.int(1_000_000)) };
}
