import { sql } from 'kysely';
import type { Db } from './database.ts';

/**
 * The allowed rate of a regulator, one for the whole cluster, and the slots in time that are dealt out at it. A slot is the right to begin one
 * call; slots lie evenly, whoever has them, so that no second ever holds more of them than the rate. Slots that nobody took in time are gone:
 * nothing is saved up for a burst.
 *
 * The rate grows with each successful call and is lowered by a throttled one (`docs/decisions/0006-one-rate-by-slots.md` says why so).
 */
export type SlotRequest = {
  wanted: number;
  /** Slots that begin later than this are not taken. */
  maxWaitMs: number;
  /** Successful calls since the last request: they let the rate grow. */
  successes: number;
  /** The rate never grows beyond this, calls a second. */
  ceiling: number;
  /** The rate of a regulator that was never called. */
  startRate: number;
  /** Whether to take slots although the regulator does not answer: for a probe. */
  probing: boolean;
};

/** `given` slots of those wanted: the first in `firstInMs`, then one each `everyMs`. `shut`: none, the regulator does not answer. */
export type Slots = { given: number; firstInMs: number; everyMs: number; cutNo: number; shut: boolean };

/** How many calls the way back to the last known limit takes: fewer would meet the limit too often, more find a risen one too late. */
const CALLS_TO_HINT = { least: 50, most: 250, perRate: 6 };

export async function takeSlots(db: Db, regulator: string, request: SlotRequest): Promise<Slots> {
  const { wanted, maxWaitMs, successes, ceiling, startRate, probing } = request;
  const { rows } = await sql<{
    given: number;
    first_in_ms: number;
    rate: number;
    cut_no: number;
    shut: boolean;
  }>`/* rate.take */
    with held as (
      select g.*, deptrans.now() as now, coalesce(g.rate, ${startRate}::float8) as old_rate, ${successes}::float8 as n
        from deptrans.gate g where regulator = ${regulator} for no key update),
    grown as (
      select *, greatest(next_slot_at, now) as from_at, least(${ceiling}::float8, case
          when rate_hint is null then old_rate + 0.7 * n
          when old_rate < 0.88 * rate_hint then least(old_rate + 0.25 * n, 0.9 * rate_hint)
          when old_rate < 1.01 * rate_hint then old_rate + 0.04 * rate_hint * n
               / greatest(${CALLS_TO_HINT.least}, least(${CALLS_TO_HINT.most}, ${CALLS_TO_HINT.perRate} * rate_hint), rate_hint)
          when old_rate < 1.1 * rate_hint then old_rate + 0.04 * n
          when old_rate < 1.3 * rate_hint then old_rate + 0.25 * n
          else old_rate + 0.35 * n end) as new_rate
        from held),
    plan as (
      select *, open_since is not null and not ${probing}::boolean as shut,
             ${maxWaitMs}::float8 / 1000 - extract(epoch from from_at - now)::float8 as room_s
        from grown),
    dealt as (
      select *, case when shut or room_s < 0 then 0 else least(${wanted}::int, floor(room_s * new_rate) + 1)::int end as given
        from plan)
    update deptrans.gate g set rate = d.new_rate, next_slot_at = d.from_at + d.given / d.new_rate * interval '1 s',
        cut_streak = case when d.n > 0 and d.cut_at < d.now - greatest(0.3, 20 / d.new_rate) * interval '1 s' then 0 else d.cut_streak end
      from dealt d where g.regulator = d.regulator
    returning d.given, extract(epoch from d.from_at - d.now)::float8 * 1000 as first_in_ms, d.new_rate as rate, d.cut_no, d.shut`.execute(
    db,
  );
  const row = rows[0];
  if (!row) {
    await sql`/* rate.seed */
      insert into deptrans.gate (regulator, rate, changed_at) values (${regulator}, ${startRate}, deptrans.now())
      on conflict do nothing`.execute(db);
    return takeSlots(db, regulator, request);
  }
  return { given: row.given, firstInMs: row.first_in_ms, everyMs: 1_000 / row.rate, cutNo: row.cut_no, shut: row.shut };
}

const LEAST_RATE = 0.5;

/**
 * Lowers the rate because a call was throttled whose slot was dealt out under `cutNo`; does nothing if it has been lowered since. A throttled call
 * alone lowers it a little, more in a row ever more. When nothing has helped, the whole cluster waits for `pauseMs`. Returns the rate now, or null.
 */
export async function cutRate(db: Db, regulator: string, cutNo: number, pauseMs: number): Promise<number | null> {
  const { rows } = await sql<{ rate: number }>`/* rate.cut */
    update deptrans.gate set rate_hint = rate, cut_no = cut_no + 1, cut_streak = cut_streak + 1, cut_at = deptrans.now(),
        rate = greatest(${LEAST_RATE}::float8, rate * (array[0.95, 0.9, 0.8, 0.65, 0.5])[least(cut_streak + 1, 5)]),
        next_slot_at = case when cut_streak >= 5 then greatest(next_slot_at, deptrans.now() + ${pauseMs} * interval '1 ms')
                            else next_slot_at + interval '1 s' / rate end
     where regulator = ${regulator} and cut_no = ${cutNo} returning rate`.execute(db);
  return rows[0]?.rate ?? null;
}
