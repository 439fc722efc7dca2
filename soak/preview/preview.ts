import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import type { Policy } from '../../gen/deptrans/v1/policy_pb.ts';
import { SupplyStep } from '../../gen/deptrans/v1/supply_pb.ts';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { policyToStore } from '../../src/enforcement/enforcement.ts';
import type { Figures, Soak } from '../soak.ts';
import { type Day, inForce, liveDay } from './day.ts';
import { addHours, compareHours, type Difference, type Hours } from './hours.ts';
import { POLICIES } from './policies.ts';

const options = { drivers: 5_000, hours: 24, seed: 1, policies: 3 };
/** Of the connected. */
const BOUND = 0.005;
/** Beside what the service reads: of one person in so many, as in a larger city. */
const ONE_IN = 8;
const REGIONS = ['moscow', 'tver'];

type OpenDatabase = () => Promise<AsyncDisposable & { url: string }>;

/**
 * A preview beside what then happens: a city lives a day by which nobody is blocked, and at its end it is asked what some policies would have done; then it lives
 * the same day by each of them, and `GetLoss` says what they did. Every figure of the preview, hours by region, tariff, check and reason, may be off by 0.5 % of the
 * connected of its region and tariff. What is told by few people may beside that be off by four times what chance makes of drawing so few, at most.
 */
export async function repeatDays(
  size: typeof options,
  openDatabase: OpenDatabase,
  signal: AbortSignal,
): Promise<Figures> {
  const policies = POLICIES.slice(0, size.policies);
  const { asked, people, ...first } = await observe(size, openDatabase, signal);
  const furthest: (Difference & { policy: string })[] = [];
  const sums = { compared: 0, blocked: 0, beyond: 0, worst: 0, beyondOfFew: 0, worstOfFew: 0 };
  for (const [i, { name, policy }] of policies.entries()) {
    await using database = await openDatabase();
    await using day = await liveDay(size, database.url, inForce(policyToStore(policy)), signal);
    if (day.deeds !== first.deeds) throw new Error('The day was not the same.');
    const happened = await lossOf(day);
    const differences = compareHours(asked[i]!.all, happened);
    sums.compared += differences.length;
    sums.blocked += differences.filter(({ name: of, happened: hours }) => / blocked$/.test(of) && hours > 0).length;
    sums.beyond += differences.filter(({ by }) => by > BOUND).length;
    sums.worst = Math.max(sums.worst, differences[0]!.by);
    furthest.push({ policy: name, ...differences[0]! });
    const ofFew = compareHours(asked[i]!.few, happened);
    sums.beyondOfFew += ofFew.filter(
      ({ name: of, by }) => by > BOUND + 4 * chance(of, happened, people / ONE_IN),
    ).length;
    sums.worstOfFew = Math.max(sums.worstOfFew, ofFew[0]!.by);
  }
  const { beyond, beyondOfFew, blocked } = sums;
  const isTold = blocked > 10 * policies.length && first.judgedOfFew < first.intervals;
  return { ...first, people, ...sums, furthest, ok: isTold && beyond === 0 && beyondOfFew === 0 };
}

/** Lives the day without a policy, and asks what each would have done. */
async function observe(size: typeof options, openDatabase: OpenDatabase, signal: AbortSignal) {
  await using database = await openDatabase();
  await using day = await liveDay(size, database.url, inForce({}), signal);
  const { rows } = await sql<{ intervals: number; people: number }>`
    select count(*) as intervals, count(distinct person_no) as people
      from (select person_no from deptrans.supply_intervals union all select person_no from deptrans.supply_open) i`.execute(
    day.db,
  );
  const { intervals, people } = rows[0]!;
  const judgedOfFew = Math.ceil(intervals / ONE_IN);
  const few = day.reading(judgedOfFew);
  const asked: { all: Hours; few: Hours }[] = [];
  for (const { policy } of POLICIES.slice(0, size.policies))
    asked.push({ all: await previewOf(day.supply, policy), few: await previewOf(few, policy) });
  return { asked, deeds: day.deeds, kills: day.kills, intervals, people, judgedOfFew };
}

async function previewOf(supply: Day['supply'], policy: Policy): Promise<Hours> {
  const hours: Hours = new Map();
  const { regions } = await supply.preview({ policy });
  for (const { region, past } of regions) addHours(hours, region, past);
  return hours;
}

/** What GetLoss says of the day. */
async function lossOf({ supply, fromMs, toMs }: Day): Promise<Hours> {
  const hours: Hours = new Map();
  const asked = { from: timestampFromMs(fromMs), to: timestampFromMs(toMs), step: SupplyStep.HOUR };
  for (const region of REGIONS) {
    const { stretches } = await supply.getLoss({ region, ...asked });
    for (const { losses } of stretches) addHours(hours, region, losses);
  }
  return hours;
}

/** By how much of the connected a figure is off, on average, if it is told by so many people of all regions: at worst one in two of those who fail is blocked. */
function chance(name: string, happened: Hours, people: number): number {
  const [region, tariff] = name.split(' ');
  const of = (what: string, where = tariff) => happened.get(`${region} ${where} ${what}`) ?? 0;
  const all = REGIONS.reduce((sum, one) => sum + (happened.get(`${one} any failing`) ?? 0), 0);
  const failing = of('failing');
  const told = people * (failing / all);
  return told > 0 ? (failing / of('connected')) * Math.sqrt(0.25 / told) : 0;
}

export const previewSoak: Soak<typeof options> = {
  name: 'preview',
  shows: 'the preview of a policy is what happens when the city lives the same day under it',
  options,
  deadlineMs: ({ drivers, hours, policies }) => 600_000 + (policies + 1) * hours * (20_000 + drivers * 3),
  run(size, signal) {
    return repeatDays(size, () => startPostgres({ durable: false }), signal);
  },
};
