import { sql } from 'kysely';
import type { Db } from './database.ts';
import type { SupplyState } from './supply-intervals.ts';

/** It was so with a person from one moment to another, ms since 1970. */
export type PastInterval = SupplyState & { at: number; to: number };

/** Whose intervals are read: everybody's, or one person's in 64 × `thin`. */
export type PastSample = 'all' | { thin: number };

/** Where a reader stands; null: at the beginning. */
export type PastPlace = { us: number; no: number } | null;

type Row = { us: number; no: number; at: number; to: number; state: SupplyState };

// The first condition is that of an index.
const condition = (sample: PastSample) =>
  sample === 'all' ? sql`true` : sql`(person_no & 63) = 0 and ((person_no >> 6) & ${sample.thin - 1}::int) = 0`;
const ms = (time: string) => sql.raw(`(extract(epoch from ${time}) * 1000)::float8`);
const state = sql`json_build_object('person', person, 'region', region, 'deptransId', deptrans_id, 'session', session, 'binding', binding,
  'boundAt', ${ms('bound_at')}, 'sessionStatus', session_status, 'sessionEndedAt', ${ms('session_ended_at')}, 'profiles', profiles) as state`;

/** The sample by which some `most` intervals are read, of those that began after `from` and those that last. */
export async function choosePast(db: Db, from: number, most: number): Promise<PastSample> {
  const count = async (sample: PastSample, enough: number) => {
    const { rows } = await sql<{ n: number }>`/* past.count */
      select count(*) as n from (
        (select 1 from deptrans.supply_intervals where at > to_timestamp(${from}::float8 / 1000) and ${condition(sample)} limit ${enough})
        union all (select 1 from deptrans.supply_open where ${condition(sample)} limit ${enough})) found`.execute(db);
    return rows[0]!.n;
  };
  if ((await count('all', most + 1)) <= most) return 'all';
  const few = await count({ thin: 1 }, 1_024 * most);
  return { thin: 2 ** Math.max(0, Math.ceil(Math.log2(few / most))) };
}

/** Up to `limit` intervals that ended and overlap a time, by their beginning, and where to go on; null: there are no more. */
export async function readPast(
  db: Db,
  { from, to, sample, limit, after }: { from: number; to: number; sample: PastSample; limit: number; after: PastPlace },
): Promise<{ intervals: PastInterval[]; next: PastPlace }> {
  const place = after ?? { us: (from - 7 * 86_400_000) * 1_000, no: -(2 ** 31) };
  const { rows } = await sql<Row>`/* past.read */
    select (extract(epoch from at) * 1000000)::float8 as us, person_no as no, ${ms('at')} as at, ${ms('to_at')} as to, ${state}
      from deptrans.supply_intervals i
     where (at, person_no) > (to_timestamp(${place.us}::float8 / 1000000), ${place.no}::int) and at < to_timestamp(${to}::float8 / 1000)
       and to_at > to_timestamp(${from}::float8 / 1000) and ${condition(sample)}
     order by i.at, i.person_no limit ${limit}`.execute(db);
  const last = rows.at(-1);
  return { intervals: rows.map(toInterval), next: last && rows.length === limit ? { us: last.us, no: last.no } : null };
}

/** Up to `limit` of those that last, until `to`, of people above `after`. `last`: the person to go on after; null: there are no more. */
export async function readLasting(
  db: Db,
  { to, sample, limit, after }: { to: number; sample: PastSample; limit: number; after: number },
): Promise<{ intervals: PastInterval[]; last: number | null }> {
  const { rows } = await sql<Row>`/* past.lasting */
    select 0 as us, person_no as no, ${ms('at')} as at, ${to}::float8 as to, ${state} from deptrans.supply_open
     where person_no > ${after} and at < to_timestamp(${to}::float8 / 1000) and ${condition(sample)}
     order by person_no limit ${limit}`.execute(db);
  return { intervals: rows.map(toInterval), last: rows.length === limit ? rows.at(-1)!.no : null };
}

function toInterval({ at, to, state: its }: Row): PastInterval {
  return { ...its, at, to };
}
