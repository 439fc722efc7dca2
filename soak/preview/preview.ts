import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
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
const REGIONS = ['moscow', 'tver'];

/**
 * A preview beside what then happens: a city lives a day by which nobody is blocked, and at its end it is asked what some policies would have done; then it lives
 * the same day by each of them, and `GetLoss` says what they did. Every figure of the preview, hours by region, tariff, check and reason, may be off by 0.5 % of the
 * connected of its region and tariff.
 */
export async function repeatDays(
  size: typeof options,
  openDatabase: () => Promise<AsyncDisposable & { url: string }>,
  signal: AbortSignal,
): Promise<Figures> {
  const policies = POLICIES.slice(0, size.policies);
  const { said, ...first } = await observe(size, openDatabase, signal);
  const furthest: (Difference & { policy: string })[] = [];
  let [compared, beyond, blocked] = [0, 0, 0];
  for (const [i, { name, policy }] of policies.entries()) {
    await using database = await openDatabase();
    await using day = await liveDay(size, database.url, inForce(policyToStore(policy)), signal);
    if (day.deeds !== first.deeds) throw new Error('The day was not the same.');
    const differences = compareHours(said[i]!, await lossOf(day));
    compared += differences.length;
    beyond += differences.filter(({ by }) => by > BOUND).length;
    blocked += differences.filter(({ name: of, happened }) => / blocked$/.test(of) && happened > 0).length;
    furthest.push({ policy: name, ...differences[0]! });
  }
  const worst = Math.max(...furthest.map(({ by }) => by));
  return { ...first, compared, blocked, beyond, worst, furthest, ok: beyond === 0 && blocked > 10 * policies.length };
}

/** Lives the day without a policy, and asks what each would have done. */
async function observe(
  size: typeof options,
  openDatabase: () => Promise<AsyncDisposable & { url: string }>,
  signal: AbortSignal,
) {
  await using database = await openDatabase();
  await using day = await liveDay(size, database.url, inForce({}), signal);
  const said: Hours[] = [];
  for (const { policy } of POLICIES.slice(0, size.policies)) {
    const hours: Hours = new Map();
    const { regions } = await day.supply.preview({ policy });
    for (const { region, past } of regions) addHours(hours, region, past);
    said.push(hours);
  }
  const { rows } = await sql<{ intervals: number; people: number }>`
    select count(*) as intervals, count(distinct person_no) as people from deptrans.supply_intervals`.execute(day.db);
  return { said, deeds: day.deeds, kills: day.kills, ...rows[0]! };
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

export const previewSoak: Soak<typeof options> = {
  name: 'preview',
  shows: 'the preview of a policy is what happens when the city lives the same day under it',
  options,
  deadlineMs: ({ drivers, hours, policies }) => 600_000 + (policies + 1) * hours * (20_000 + drivers * 3),
  run(size, signal) {
    return repeatDays(size, () => startPostgres({ durable: false }), signal);
  },
};
