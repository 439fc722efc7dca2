import { profileKey } from '../neighbours/neighbour-data.ts';
import type { Binder } from './binder.ts';
import { type Step, stepKinds, type Twist } from './life.ts';
import type { Outbox } from './outbox.ts';
import type { Profile } from './people.ts';
import { deleteProfile, setLicence, setPerson, setPlace, setTariffs, settleProfile, type World } from './world.ts';

export type Play = {
  /**
   * Lets a step happen as of `atMs`, which is not in the future: writes it into the world and the truth, and puts its events into the outbox.
   * False: a profile of the step has had an event this very millisecond, and times of one profile always grow; try again later.
   */
  perform(step: Step, atMs: number): boolean;
  readonly covered: Readonly<Record<string, number>>;
};

export type Stage = { world: World; outbox: Outbox; binder: Binder | null; now: () => number };

type PapersStep = Extract<Step, { kind: 'lateBinding' | 'licenceChange' | 'wrongId' }>;

export function openPlay({ world, outbox, binder, now }: Stage): Play {
  const covered: Record<string, number> = Object.fromEntries(
    stepKinds.filter((kind) => kind !== 'unreadable').map((kind) => [kind, 0]),
  );
  const lastMs = new Map<string, number>();
  let unreadable = 0;
  const count = (kind: string) => {
    covered[kind] = (covered[kind] ?? 0) + 1;
  };
  const stamp = (profile: Profile, atMs: number) => Math.max(atMs, (lastMs.get(profileKey(profile)) ?? 0) + 1);
  const emit = (profile: Profile, status: Profile['status'], twist: Twist | null, notBeforeMs: number) => {
    const atMs = stamp(profile, notBeforeMs);
    const { parkId, driverId } = profile;
    lastMs.set(profileKey(profile), atMs);
    world.truth.status(profileKey(profile), status !== 'offline', atMs);
    outbox.put({ kind: 'event', profile: { parkId, driverId }, status, atMs }, twist);
  };
  const changeLicence = ({ person, pdId, licence }: Extract<Step, { kind: 'licenceChange' }>, atMs: number) => {
    Object.assign(person, { pdId, licence });
    setLicence(world, person);
    for (const profile of person.profiles) setPerson(world, profile, pdId, atMs);
    count('licenceChange');
  };
  const papers = (step: PapersStep) => {
    switch (step.kind) {
      case 'licenceChange':
        if (binder) void binder.changePapers(step.person, (atMs) => changeLicence(step, atMs));
        else changeLicence(step, now());
        return;
      case 'lateBinding':
        if (binder) void binder.bind(step.person);
        return count(step.kind);
      case 'wrongId':
        if (binder) void binder.tryWrong(step.person, step.deptransId);
        return count(step.kind);
      default:
        return step satisfies never;
    }
  };
  const act = (step: Step, atMs: number) => {
    switch (step.kind) {
      case 'cameOnLine':
      case 'secondProfile':
      case 'wentOffLine':
      case 'busyFlip':
        emit(step.profile, step.status, step.twist, atMs);
        return count(step.kind);
      case 'parkSwitch':
        emit(step.from, 'offline', null, atMs);
        emit(step.to, 'online', null, atMs);
        return count(step.kind);
      case 'unreadable':
        unreadable += 1;
        return outbox.put({ kind: 'unreadable', no: unreadable }, null);
      case 'lateBinding':
      case 'licenceChange':
      case 'wrongId':
        return papers(step);
      case 'driveIn':
      case 'driveOut':
      case 'positionLost':
      case 'positionFound':
        for (const profile of step.person.profiles) setPlace(world, step.person, profile, atMs);
        return count(step.kind);
      case 'tariffLost':
      case 'tariffGained':
        setTariffs(world, step.profile, step.categories, atMs);
        return count(step.kind);
      case 'profileAdded':
        settleProfile(world, step.person, step.profile, atMs);
        return count(step.kind);
      case 'profileMoved':
        setPerson(world, step.profile, step.to.pdId, atMs);
        return count(step.kind);
      case 'profileDeleted':
        deleteProfile(world, step.profile, atMs);
        return count(step.kind);
      default:
        return step satisfies never;
    }
  };
  return {
    covered,
    perform(step, atMs) {
      const nowMs = now();
      if (emitters(step).some((profile) => stamp(profile, atMs) > nowMs)) return false;
      act(step, atMs);
      return true;
    },
  };
}

/** The profiles that send an event in this step. */
function emitters(step: Step): Profile[] {
  if (step.kind === 'parkSwitch') return [step.from, step.to];
  return 'status' in step ? [step.profile] : [];
}
