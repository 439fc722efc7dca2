import { type RawBuilder, sql } from 'kysely';
import type { Db } from './database.ts';
import type { SupplyState } from './supply-intervals.ts';

/** It was so with a person from one moment to another, ms since 1970. */
export type PastInterval = SupplyState & { at: number; to: number };

/** Whose intervals are read: one person's in so many, a power of two. 1: everybody's. */
export type PastSample = number;

/** One person in so many has an index of its own. */
const INDEXED = 64;
/** Up to here everybody's rows are gone through to find one person's in so many. */
const MOST_SCANNED = 8;

/** Where a reader stands. */
export type PastPlace = { us: number; no: number };

/** What the index has is named by a constant, since a statement that is planned for any value cannot use it. */
const condition = (sample: PastSample) =>
  sample < INDEXED
    ? sql`(person_no & ${sample - 1}::int) = 0`
    : sql`(person_no & ${sql.lit(INDEXED - 1)}) = 0 and (person_no & ${sample - 1}::int) = 0`;
/** Rows to read in order to find so many intervals. */
const rowsFor = (limit: number, sample: PastSample) => (sample < INDEXED ? limit * sample : limit);
/** The same where one person in so many is looked for among rows that are read in any case. */
const found = (sample: PastSample) => (sample < INDEXED ? condition(sample) : sql`true`);
const ms = (time: string) => sql.raw(`(extract(epoch from ${time}) * 1000)::float8`);
const interval = (
  to: RawBuilder<unknown>,
) => sql`json_build_object('at', ${ms('at')}, 'to', ${to}, 'person', person, 'region', region, 'deptransId', deptrans_id,
  'session', session, 'binding', binding, 'boundAt', ${ms('bound_at')}, 'sessionStatus', session_status, 'sessionEndedAt', ${ms('session_ended_at')},
  'profiles', profiles)`;

/** The sample by which some `most` intervals are read, of those that began after `from` and those that last. */
export async function choosePast(db: Db, from: number, most: number): Promise<PastSample> {
  const count = async (sample: PastSample, enough: number) => {
    const { rows } = await sql<{ n: number }>`/* past.count */
      select count(*) as n from (
        (select 1 from deptrans.supply_intervals where at > to_timestamp(${from}::float8 / 1000) and ${condition(sample)} limit ${enough})
        union all (select 1 from deptrans.supply_open where ${condition(sample)} limit ${enough})) found`.execute(db);
    return rows[0]!.n;
  };
  const sampleOf = (all: number) => 2 ** Math.max(0, Math.ceil(Math.log2(all / most)));
  const all = await count(1, MOST_SCANNED * most + 1);
  if (all <= MOST_SCANNED * most) return sampleOf(all);
  return Math.max(INDEXED, sampleOf(INDEXED * (await count(INDEXED, 1_024 * most))));
}

/** Some `limit` intervals that ended and overlap a time, by their beginning, and where to go on; null: there are no more. */
export async function readPast(
  db: Db,
  {
    from,
    to,
    sample,
    limit,
    after,
  }: { from: number; to: number; sample: PastSample; limit: number; after: PastPlace | null },
): Promise<{ intervals: PastInterval[]; next: PastPlace | null }> {
  const place = after ?? { us: (from - 7 * 86_400_000) * 1_000, no: -(2 ** 31) };
  const { rows } = await sql<{ list: PastInterval[]; last: PastPlace | null; n: number }>`/* past.read */
    with page as materialized (
      select * from deptrans.supply_intervals
       where (at, person_no) > (to_timestamp(${place.us}::float8 / 1000000), ${place.no}::int) and at < to_timestamp(${to}::float8 / 1000)
         and to_at > to_timestamp(${from}::float8 / 1000) ${sample < INDEXED ? sql`` : sql`and ${condition(sample)}`}
       order by at, person_no limit ${rowsFor(limit, sample)})
    select (select coalesce(json_agg(${interval(ms('to_at'))}), '[]') from page where ${found(sample)}) as list,
           (select json_build_object('us', (extract(epoch from at) * 1000000)::float8, 'no', person_no)
              from page order by at desc, person_no desc limit 1) as last,
           (select count(*) from page) as n`.execute(db);
  const { list, last, n } = rows[0]!;
  return { intervals: list, next: n === rowsFor(limit, sample) ? last : null };
}

/** Some `limit` of those that last, until `to`, of people above `after` (null: all), and where to go on; null: there are no more. */
export async function readLasting(
  db: Db,
  { to, sample, limit, after }: { to: number; sample: PastSample; limit: number; after: number | null },
): Promise<{ intervals: PastInterval[]; next: number | null }> {
  const { rows } = await sql<{ list: PastInterval[]; last: number; n: number }>`/* past.lasting */
    with page as materialized (
      select * from deptrans.supply_open where person_no > ${after ?? -(2 ** 31)} and at < to_timestamp(${to}::float8 / 1000)
         ${sample < INDEXED ? sql`` : sql`and ${condition(sample)}`}
       order by person_no limit ${rowsFor(limit, sample)})
    select (select coalesce(json_agg(${interval(sql`${to}::float8`)}), '[]') from page where ${found(sample)}) as list,
           (select max(person_no) from page) as last, (select count(*) from page) as n`.execute(db);
  const { list, last, n } = rows[0]!;
  return { intervals: list, next: n === rowsFor(limit, sample) ? last : null };
}
