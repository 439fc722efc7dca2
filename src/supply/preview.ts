import { setImmediate } from 'node:timers/promises';
import {
  type CompiledPolicy,
  compilePolicy,
  type Facts,
  judge,
  type Policy,
  type Verdict,
} from '../../verdict/verdict.ts';
import type { Db } from '../store/database.ts';
import { readSupplyHistory } from '../store/supply-figures.ts';
import { choosePast, type PastInterval, type PastPlace, readLasting, readPast } from '../store/supply-past.ts';
import { AT_ALL, blockedEverywhere } from './ballot.ts';
import type { Census } from './census.ts';
import { emptyFigures, joinFigures, type RegionFigures, type Sum } from './figures.ts';
import { HOUR } from './history.ts';
import { openLens } from './lens.ts';
import { Past } from './past.ts';
import { personAt, Scratch } from './scratch.ts';

/** What a policy would do to the people connected now, and would have done in the past 7 days. */
export type Preview = { at: number; regions: RegionPreview[] };

export type RegionPreview = {
  region: string;
  now: RegionFigures;
  /** `people` are averages over the time that was counted. */
  past: RegionFigures;
  pastFrom: number;
  coveredMs: number;
  /** Some who would be blocked. */
  profiles: BlockedProfile[];
};

export type BlockedProfile = { parkId: string; driverId: string; categories: string[]; verdicts: Verdict[] };

const PAST_MS = 7 * 24 * HOUR;
const MOST_INTERVALS = 50_000;
const PAGE = 500;
const PROFILES = 20;
/** Rows that are looked at for them, so many at a time. */
const LOOKS = 20_000;
const SLICE = 500;

/** The policy as if it were in force, and had been for long: no dates, nothing switched off or stepped back. */
export function asInForce(policy: Policy): CompiledPolicy {
  const regions = policy.regions.map((region) => {
    return { ...region, steppedBack: false, rules: region.rules.map((rule) => ({ ...rule, from: 0 })) };
  });
  return compilePolicy({ ...policy, suspended: false, regions });
}

/** Holds the event loop for some milliseconds at a time. `most`: of the past so many intervals are read, more or less. */
export async function previewOf(
  db: Db,
  census: Census,
  policy: Policy,
  now: number,
  most = MOST_INTERVALS,
): Promise<Preview> {
  const compiled = asInForce(policy);
  const turn = () => setImmediate();
  // The database reads while people are judged.
  const [past, counted, figures, blocked] = await Promise.all([
    judgePast(db, compiled, now, most),
    countedSince(db, now - PAST_MS, now),
    census.figuresUnder(compiled, now, turn),
    drawBlocked(census, compiled, now),
  ]);
  const regions: RegionPreview[] = [];
  for (const [region, here] of figures) {
    const { figures: before, coveredMs, from } = counted.get(region) ?? { figures: [], coveredMs: 0, from: now };
    regions.push({
      region,
      now: here,
      past: past.under(region, before, here).map((tariff) => onAverage(tariff, coveredMs)),
      pastFrom: from,
      coveredMs,
      profiles: blocked.get(region) ?? [],
    });
  }
  return { at: now, regions };
}

async function judgePast(db: Db, compiled: CompiledPolicy, now: number, most: number): Promise<Past> {
  const scratch = new Scratch();
  const lens = openLens(compiled);
  const from = now - PAST_MS;
  const sample = await choosePast(db, from, most);
  const past = new Past(sample > 1);
  const common = { to: now, sample, limit: PAGE };
  const add = async (intervals: readonly PastInterval[]) => {
    let judged = 0;
    for (const interval of intervals) {
      judged += past.add(interval, from, lens, scratch);
      if (judged < SLICE) continue;
      judged = 0;
      await setImmediate();
    }
  };
  await pageByPage<PastPlace>((after) => readPast(db, { ...common, from, after }), add);
  await pageByPage<number>((after) => readLasting(db, { ...common, after }), add);
  return past;
}

type Page<Place> = { intervals: PastInterval[]; next: Place | null };

/** Reads the next page while one is judged. */
async function pageByPage<Place>(
  read: (after: Place | null) => Promise<Page<Place>>,
  judgeAll: (intervals: readonly PastInterval[]) => Promise<void>,
): Promise<void> {
  for (let reading: Promise<Page<Place>> | null = read(null); reading; ) {
    const { intervals, next }: Page<Place> = await reading;
    reading = next === null ? null : read(next);
    reading?.catch(() => {}); // whoever waits for it hears
    await judgeAll(intervals);
  }
}

type Counted = { figures: RegionFigures; coveredMs: number; from: number };

/** What was counted of the past in each region: hours, and the minutes of those that are not over. */
async function countedSince(db: Db, from: number, to: number): Promise<Map<string, Counted>> {
  const hours = await readSupplyHistory(db, { step: 'hour', from: from - (from % HOUR), to });
  const last = hours.at(-1)?.at.getTime() ?? Number.NEGATIVE_INFINITY;
  const minutes = await readSupplyHistory(db, { step: 'minute', from: Math.max(last + HOUR, from), to });
  const counted = new Map<string, Counted>();
  for (const { region, at, coveredMs, figures } of [...hours, ...minutes]) {
    const before = counted.get(region);
    counted.set(region, {
      figures: joinFigures(before?.figures ?? [emptyFigures('')], figures as RegionFigures),
      coveredMs: coveredMs + (before?.coveredMs ?? 0),
      from: before?.from ?? at.getTime(),
    });
  }
  return counted;
}

function onAverage(tariff: RegionFigures[number], coveredMs: number): RegionFigures[number] {
  const average = ({ ms }: Sum): Sum => ({ people: coveredMs > 0 ? Math.round(ms / coveredMs) : 0, ms });
  const { connected, failing, unknown, blocked, reasons } = tariff;
  return {
    category: tariff.category,
    connected: average(connected),
    failing: average(failing),
    unknown: average(unknown),
    blocked: average(blocked),
    reasons: reasons.map(({ people, blocked: of, ...one }) => ({
      ...one,
      people: average(people),
      blocked: average(of),
    })),
  };
}

/** In each region some profiles of people who would be blocked by every tariff of theirs, each person once, drawn by chance. */
async function drawBlocked(
  census: Census,
  compiled: CompiledPolicy,
  now: number,
): Promise<Map<string, BlockedProfile[]>> {
  const lens = openLens(compiled);
  const scratch = new Scratch();
  const found = new Map(compiled.policy.regions.map(({ id }) => [id, new Map<number, BlockedProfile>()]));
  for (let looks = 1; looks <= LOOKS; looks += 1) {
    if (looks % SLICE === 0) await setImmediate();
    const row = 1 + Math.floor(Math.random() * (census.end - 1));
    const person = row < census.end ? personAt(census, row, now) : null;
    const here = person && found.get(person.region);
    if (!here || here.size >= PROFILES || here.has(person.no)) continue;
    const ballot = scratch.ballotOf(person, lens, now);
    if (!ballot || !(blockedEverywhere(ballot) & AT_ALL)) continue;
    const { parkId, driverId, categories } = person.profiles[0]!;
    const facts = factsOf(census, row, now);
    const { deptransId, session } = judge(facts, { region: person.region }, compiled, now, 0);
    here.set(person.no, { parkId, driverId, categories, verdicts: [deptransId, session] });
  }
  return new Map([...found].map(([region, people]) => [region, [...people.values()]]));
}

/** Of a person's first profile. */
function factsOf(census: Census, row: number, now: number): Facts | null {
  const seen: (Facts | null)[] = [];
  census.look(row, ({ facts }) => seen.push(facts), now);
  return seen[0] ?? null;
}
