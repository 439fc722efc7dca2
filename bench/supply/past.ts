import { sql } from 'kysely';
import type { Db } from '../../src/store/database.ts';

type Week = { people: number; intervals: number };

/** A week of people who had no id or no shift for some hours, and what was counted of them. */
export async function fillIntervals(db: Db, { people, intervals }: Week, now: number): Promise<void> {
  await sql`insert into deptrans.supply_intervals (at, to_at, person_no, ${columns})
    select t.at, t.at + interval '2 h', n, ${state}
      from (select 1 + i % ${people}::int as n, ${at(now)} - interval '7 days' + i * interval '6 days' / ${intervals}::int as at
              from generate_series(1, ${intervals}::int) i) t`.execute(db);
  await sql`insert into deptrans.supply_history (region, step, at, covered_ms, figures)
    select 'moscow', 'hour', date_trunc('hour', ${at(now)}) - h * interval '1 h', 3600000, ${figures}::jsonb from generate_series(1, 167) h`.execute(
    db,
  );
  await sql`vacuum analyze deptrans.supply_intervals, deptrans.supply_history`.execute(db);
}

/** Two thirds of the people have no id or no shift now. */
export async function fillLasting(db: Db, { people }: Week, now: number): Promise<void> {
  await sql`insert into deptrans.supply_open (person_no, at, digest, ${columns})
    select n, t.at, 1, ${state} from (select n, ${at(now)} - interval '1 h' as at from generate_series(1, ${people}::int * 2 / 3) n) t`.execute(
    db,
  );
  await sql`vacuum analyze deptrans.supply_open`.execute(db);
}

const columns = sql`person, region, deptrans_id, session, binding, bound_at, profiles`;
const state = sql`md5(n::text), 'moscow', case n % 2 when 0 then 'no_id' else 'ok' end, 'no_session', case n % 2 when 0 then 'unbound' else 'bound' end,
  case n % 2 when 1 then t.at end, jsonb_build_array(jsonb_build_array(md5((n % 4000)::text), md5(n::text), '["econom"]'::jsonb, true))`;
const at = (ms: number) => sql`to_timestamp(${ms}::float8 / 1000)`;
const sum = (people: number) => ({ people, ms: people * 3_600_000 });
const figures = JSON.stringify([
  {
    category: '',
    ...{ connected: sum(1_000), failing: sum(500), unknown: sum(0), blocked: sum(0) },
    reasons: [{ check: 'session', reason: 'no_session', people: sum(500), blocked: sum(0) }],
  },
]);
