import { type RawBuilder, sql } from 'kysely';
import type { Db } from './database.ts';

/** What is recorded of somebody who fails a check or cannot be judged. Times in ms since 1970. */
export type SupplyState = {
  person: string;
  region: string;
  /** What the checks said if everybody was judged: words of verdict/words.ts. */
  deptransId: string;
  session: string;
  binding: string;
  /** Only of who is bound. */
  boundAt: number | null;
  sessionStatus: string | null;
  sessionEndedAt: number | null;
  /** park_id, driver_id, its tariffs that the region lists, whether consumers know it. */
  profiles: [string, string, string[], boolean][];
};

/** From a moment on it is so with a person; null, and the digest 0: all is well, or nobody is there. */
export type SupplyTurn = { no: number; at: number; digest: number; state: SupplyState | null };

/** A stretch of time in which it was so; `to` null: it lasts. */
export type SupplyInterval = SupplyState & { no: number; at: number; to: number | null };

/** Beyond this an interval is cut off at its beginning: what is older is not kept. */
const LONGEST = '7 days';

const state = `person, region, deptrans_id, session, binding, bound_at, session_status, session_ended_at, profiles`;
const columns = sql.raw(state);

/** Writes what turned, of each person in the order in which it did. */
export function writingSupplyTurns(turns: readonly SupplyTurn[]): RawBuilder<unknown> {
  return sql`/* supply.turns */
    with given as materialized (
      select i, no, at, lead(at) over (partition by no order by i) as next_at, row_number() over (partition by no order by i) as place,
             digest = 0 as gone, digest, turn->>3 as person, turn->>4 as region, turn->>5 as deptrans_id, turn->>6 as session, turn->>7 as binding,
             to_timestamp((turn->>8)::float8 / 1000) as bound_at, turn->>9 as session_status,
             to_timestamp((turn->>10)::float8 / 1000) as session_ended_at, turn->11 as profiles
        from jsonb_array_elements(${JSON.stringify(turns.map(rowOf))}::jsonb) with ordinality g(turn, i), lateral (
          select (turn->>0)::int as no, to_timestamp((turn->>1)::float8 / 1000) as at, (turn->>2)::bigint as digest) k),
    ended as (
      select greatest(o.at, g.at - interval '${sql.raw(LONGEST)}') as at, g.at as to_at, g.no, o.${sql.raw(state.replaceAll(', ', ', o.'))}
        from given g join deptrans.supply_open o on o.person_no = g.no
       where g.place = 1 and o.at < g.at
      union all
      select at, next_at, no, ${columns} from given where next_at > at and not gone),
    kept as (
      insert into deptrans.supply_intervals (at, to_at, person_no, ${columns}) select * from ended order by at),
    closed as (
      delete from deptrans.supply_open where person_no in (select no from given where next_at is null and gone))
    insert into deptrans.supply_open as o (person_no, at, digest, ${columns})
    select no, at, digest, ${columns} from given where next_at is null and not gone order by no
    on conflict (person_no) do update set at = excluded.at, digest = excluded.digest, person = excluded.person, region = excluded.region,
      deptrans_id = excluded.deptrans_id, session = excluded.session, binding = excluded.binding, bound_at = excluded.bound_at,
      session_status = excluded.session_status, session_ended_at = excluded.session_ended_at, profiles = excluded.profiles`;
}

/** A turn without the names of its fields; what is gone is its first three, the digest 0. */
function rowOf({ no, at, digest, state: now }: SupplyTurn): unknown[] {
  if (!now) return [no, at, 0];
  const { person, region, deptransId, session, binding, boundAt, sessionStatus, sessionEndedAt, profiles } = now;
  return [
    no,
    at,
    digest,
    person,
    region,
    deptransId,
    session,
    binding,
    boundAt,
    sessionStatus,
    sessionEndedAt,
    profiles,
  ];
}

/** Up to `limit` of the states that last, as number and digest, of people above `after`. */
export async function readSupplyDigests(db: Db, after: number, limit: number): Promise<[no: number, digest: number][]> {
  const { rows } = await sql<{ list: [number, number][] }>`/* supply.open */
    select coalesce(json_agg(json_build_array(person_no, digest) order by person_no), '[]') as list
      from (select person_no, digest from deptrans.supply_open where person_no > ${after} order by person_no limit ${limit}) page`.execute(
    db,
  );
  return rows[0]!.list;
}

/** The last fields of an `IntervalRow`. */
const stateAsJson =
  sql.raw(`person, region, deptrans_id, session, binding, (extract(epoch from bound_at) * 1000)::float8, session_status,
  (extract(epoch from session_ended_at) * 1000)::float8, profiles`);

/** Where a reader of intervals stands: after the interval of a person that began at a moment, microseconds since 1970. */
export type IntervalPlace = { us: number; no: number };

/**
 * Up to `limit` intervals of a region that have ended and overlap a time, ms since 1970, by their beginning; those that last come by `readOpenIntervals`.
 * `next`: where to go on; null at the end.
 */
export async function readSupplyIntervals(
  db: Db,
  {
    region,
    from,
    to,
    limit,
    after,
  }: { region: string; from: number; to: number; limit: number; after?: IntervalPlace | null },
): Promise<{ intervals: SupplyInterval[]; next: IntervalPlace | null }> {
  const place = after ?? { us: (from - 7 * 86_400_000) * 1_000, no: -(2 ** 31) };
  const { rows } = await sql<{ list: IntervalRow[] }>`/* supply.intervals */
    select coalesce(json_agg(json_build_array((extract(epoch from at) * 1000000)::float8, person_no, (extract(epoch from to_at) * 1000)::float8, ${stateAsJson})), '[]') as list
      from (select * from deptrans.supply_intervals
             where (at, person_no) > (to_timestamp(${place.us}::float8 / 1000000), ${place.no}::int)
               and at < to_timestamp(${to}::float8 / 1000) and to_at > to_timestamp(${from}::float8 / 1000) and region = ${region}
             order by at, person_no limit ${limit}) page`.execute(db);
  const { list } = rows[0]!;
  const last = list.at(-1);
  return {
    intervals: list.map(toInterval),
    next: last && list.length === limit ? { us: last[0], no: last[1] } : null,
  };
}

/** Up to `limit` intervals of a region that last, of people above `after`. */
export async function readOpenIntervals(
  db: Db,
  { region, limit, after = -(2 ** 31) }: { region: string; limit: number; after?: number },
): Promise<SupplyInterval[]> {
  const { rows } = await sql<{ list: IntervalRow[] }>`/* supply.lasting */
    select coalesce(json_agg(json_build_array((extract(epoch from at) * 1000000)::float8, person_no, null, ${stateAsJson}) order by person_no), '[]') as list
      from (select * from deptrans.supply_open where person_no > ${after} and region = ${region} order by person_no limit ${limit}) page`.execute(
    db,
  );
  return rows[0]!.list.map(toInterval);
}

type Ms = number | string | null;
type IntervalRow = [
  us: number,
  no: number,
  to: number | null,
  person: string,
  region: string,
  deptransId: string,
  session: string,
  binding: string,
  boundAt: Ms,
  sessionStatus: string | null,
  sessionEndedAt: Ms,
  profiles: SupplyState['profiles'],
];

function toInterval([
  us,
  no,
  to,
  person,
  region,
  deptransId,
  session,
  binding,
  boundAt,
  status,
  endedAt,
  profiles,
]: IntervalRow): SupplyInterval {
  const state = { person, region, deptransId, session, binding, boundAt: toMs(boundAt), sessionStatus: status };
  return { ...state, sessionEndedAt: toMs(endedAt), profiles, no, at: us / 1_000, to };
}

function toMs(time: Ms): number | null {
  return time === null ? null : Number(time);
}
