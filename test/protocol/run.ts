import { openRulesReader, type RulesReader } from '../../src/delivery/rules-reader.ts';
import type { WorkerLimits } from '../../src/delivery/worker.ts';
import { areaOf, type Point, type Region } from '../../src/domain/region.ts';
import type { Claim, ClaimedLook } from '../../src/store/claim.ts';
import type { Db } from '../../src/store/database.ts';
import { putRules } from '../../src/store/rules.ts';
import type { SettleItem } from '../../src/store/settle.ts';
import { type Arena, BEGIN } from './arena.ts';
import type { Job } from './job.ts';
import { openRegulatorModel, type RegulatorModel, type Request } from './regulator-model.ts';
import { limitsOf, type Setting } from './settings.ts';
import type { Mutation } from './steppable.ts';

/** The naive variant of a trap: the thin layer between the test and the real code with the fix taken out. */
export type Naive = {
  mutations?: readonly Mutation[];
  /** Claims by `claim`, or in another way. */
  claim?(tx: Db, claim: (tx: Db) => Promise<Claim>): Promise<Claim>;
  /** What a worker takes for true instead of what it read under the lease. */
  look?(look: ClaimedLook): ClaimedLook;
  /** What is settled instead. */
  item?(item: SettleItem, db: Db): SettleItem | Promise<SettleItem>;
  limits?: Partial<WorkerLimits>;
  /** The sweep runs once, when the region is switched, and never again. */
  drainsOnce?: boolean;
  /** A topic that was made again is taken for the old one. */
  topicIsForEver?: boolean;
  /** A binding is saved whatever has happened since its check. */
  savesAnyCheck?: boolean;
  /** What is settled commits without waiting for the disk. */
  settlesLoosely?: boolean;
  /** Ids stay as they were typed. */
  keepsTexts?: boolean;
  /** Where the sweep sees everybody. */
  sweepSees?: Place;
};

/** Where a transaction may stand still while others go on. */
export type Slot = 'slow' | 'slower';

export type Place = 'in' | 'out' | 'unknown';
export type ProfileTruth = { connected: boolean; at: number; generation: number; offset: number };

/** One life of the city: the real code on the arena's database, everything else in here. */
export type Run = {
  readonly arena: Arena;
  readonly setting: Setting;
  readonly limits: WorkerLimits;
  readonly naive: Naive;
  readonly regulator: RegulatorModel;
  readonly rules: RulesReader;
  /** By worker. A worker has one job at a time. */
  readonly jobs: Map<string, Job>;
  readonly requests: Request[];
  /** What drivers last did, by profile. */
  readonly drivers: Map<string, ProfileTruth>;
  readonly places: Map<string, Place>;
  /** Checks of ids that wait to be saved, by person. */
  readonly checks: Map<string, () => Promise<void>>;
  /** The newest check that was saved, by person and by id. */
  readonly saved: Map<string, number>;
  /** What was found wrong, in order. */
  readonly problems: string[];
  /** ms since `BEGIN`. */
  nowMs: number;
  /** The topic is made again now and then; its offsets then begin at 0. */
  generation: number;
  offset: number;
  changeNo: number;
  checkNo: number;
  regionOn: boolean;
  /** Positions or rules changed: then only the sweep can tell. */
  sweepAllowed: boolean;
  repaired: number;
  /** The transactions that stand still. */
  readonly paused: Map<Slot, Promise<void>>;
  /** How many statements there were when the tables were last looked at. */
  checkedAt: number;
  /** Ids in doubt when it was last looked, and those whose doubt was rightly ended since. */
  doubted: Set<string>;
  cleared: Set<string>;
};

/** Rows of the mirror that a run has changed have revisions from here on. */
export const FIRST_CHANGE = 1_000_000;
export const WORKERS = ['w1', 'w2', 'w3'] as const;
export const POINTS: Record<Exclude<Place, 'unknown'>, Point> = {
  in: { lon: 37.5, lat: 55.5 },
  out: { lon: 50, lat: 50 },
};

const region = (on: boolean): Region => ({
  id: 'moscow',
  on,
  tariffs: ['econom'],
  area: areaOf([
    [
      [37, 55],
      [38, 55],
      [38, 56],
      [37, 56],
      [37, 55],
    ],
  ]),
  exitBufferMeters: 0,
  dwellMs: 0,
});

export async function openRun(arena: Arena, setting: Setting, naive: Naive = {}): Promise<Run> {
  arena.setTime(0);
  await arena.reset(naive.mutations ?? []);
  const problems: string[] = [];
  const run: Run = {
    arena,
    setting,
    limits: { ...limitsOf(setting), ...naive.limits },
    naive,
    regulator: openRegulatorModel(setting, (problem) => problems.push(problem)),
    rules: openRulesReader(arena.fast.db),
    jobs: new Map(),
    requests: [],
    drivers: new Map(),
    places: new Map(),
    checks: new Map(),
    saved: new Map(),
    problems,
    nowMs: 0,
    generation: 1,
    offset: 0,
    changeNo: FIRST_CHANGE,
    checkNo: 0,
    regionOn: true,
    sweepAllowed: false,
    repaired: 0,
    paused: new Map(),
    checkedAt: 0,
    doubted: new Set(),
    cleared: new Set(),
  };
  await switchRegion(run, true);
  return run;
}

export async function switchRegion(run: Run, on: boolean): Promise<void> {
  run.regionOn = on;
  await putRules(run.arena.fast.db, [region(on)]);
}

/** The time of day, ms since 1970. */
export function nowOf(run: Run): number {
  return BEGIN + run.nowMs;
}

export function placeOf(run: Run, profile: string): Place {
  return run.places.get(profile) ?? 'in';
}

/** Lets time pass. What the setting does not let live so long dies on the way. */
export function passTime(run: Run, ms: number): void {
  run.nowMs += ms;
  for (const request of run.requests) {
    if (request.state === 'flying' && nowOf(run) > request.begunAt + longestLifeMs(run)) request.state = 'dead';
    if (request.state === 'unsent' && nowOf(run) > request.begunAt + longestStallMs(run)) request.state = 'dead';
  }
  run.arena.setTime(run.nowMs);
}

/** From the moment a call begins: how long its request may still be applied. */
function longestLifeMs({ setting, limits: { deadlineMs, quietMs } }: Run): number {
  if (setting.nHolds) return deadlineMs + quietMs;
  // An ordering regulator may be told at any time; another one must be told before anybody would take the shift for another service's.
  return setting.ordersByOccurredAt ? Number.POSITIVE_INFINITY : 2 * quietMs - 2_000;
}

function longestStallMs(run: Run): number {
  return run.setting.nHolds ? run.limits.slackMs : longestLifeMs(run);
}
