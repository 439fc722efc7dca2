import { sql } from 'kysely';
import type { Db } from './database.ts';

export const STEP_BACK_REASONS = ['lost_share', 'unknown_share', 'data_age', 'regulator_down', 'no_reading'] as const;
export type StepBackReason = (typeof STEP_BACK_REASONS)[number];

/** A region's fall back to `warn`. */
export type StepBack = {
  id: number;
  region: string;
  policyVersion: number;
  fromAt: Date;
  reason: StepBackReason;
  /** A share, or seconds; null: nothing was read. */
  reading: number | null;
  limit: number;
  connected: number;
  /** Since when all readings are well below their limits; null: one is not. */
  calmSince: Date | null;
  needsOperator: boolean;
  /** Null: it lasts. */
  toAt: Date | null;
  /** Null: it lasts, or ended by itself. */
  endedBy: string | null;
  endReason: string | null;
};

const columns = sql`id, region, policy_version as "policyVersion", from_at as "fromAt", reason, reading, limit_value as "limit", connected,
  calm_since as "calmSince", needs_operator as "needsOperator", to_at as "toAt", ended_by as "endedBy", end_reason as "endReason"`;

/** Those that last. */
export async function readOpenStepBacks(db: Db): Promise<StepBack[]> {
  const { rows } = await sql<StepBack>`/* step_backs.open */
    select ${columns} from deptrans.step_backs where to_at is null order by region`.execute(db);
  return rows;
}

/** The regions that had stepped back everywhere at a moment. */
export async function readSteppedBackAt(db: Db, at: Date): Promise<string[]> {
  const { rows } = await sql<{ region: string }>`/* step_backs.at */
    select distinct region from deptrans.step_backs where from_at <= ${at} and (to_at is null or to_at > ${at})`.execute(
    db,
  );
  return rows.map(({ region }) => region);
}

/** Up to `limit` of them below `before`, newest first. */
export async function listStepBacks(db: Db, before: number, limit: number): Promise<StepBack[]> {
  const { rows } = await sql<StepBack>`/* step_backs.list */
    select ${columns} from deptrans.step_backs where id < ${before} order by id desc limit ${limit}`.execute(db);
  return rows;
}

/** How often each region stepped back within `withinMs`, since an operator ended a step-back of it last. */
export async function countStepBacks(db: Db, withinMs: number): Promise<Map<string, number>> {
  const { rows } = await sql<{ region: string; n: number }>`/* step_backs.count */
    select s.region, count(*) as n from deptrans.step_backs s
     where s.from_at > deptrans.now() - ${withinMs} * interval '1 ms'
       and s.id > coalesce((select max(e.id) from deptrans.step_backs e where e.region = s.region and e.ended_by is not null), 0)
     group by 1`.execute(db);
  return new Map(rows.map(({ region, n }) => [region, n]));
}

export type NewStepBack = Pick<
  StepBack,
  'region' | 'policyVersion' | 'reason' | 'reading' | 'limit' | 'connected' | 'needsOperator'
>;

/** Begins a step-back, unless one lasts in the region. */
export async function beginStepBack(db: Db, begun: NewStepBack): Promise<void> {
  await sql`/* step_backs.begin */
    insert into deptrans.step_backs (region, policy_version, from_at, reason, reading, limit_value, connected, needs_operator)
    values (${begun.region}, ${begun.policyVersion}, deptrans.now(), ${begun.reason}, ${begun.reading}, ${begun.limit}, ${begun.connected},
            ${begun.needsOperator})
    on conflict do nothing`.execute(db);
}

/** Says that all is well from now on, or that it is not. */
export async function setCalm(db: Db, id: number, isCalm: boolean): Promise<void> {
  await sql`/* step_backs.calm */
    update deptrans.step_backs set calm_since = case when ${isCalm}::boolean then deptrans.now() end where id = ${id} and to_at is null`.execute(
    db,
  );
}

/** Ends a region's step-back, by itself or by somebody; null: it had none. */
export async function endStepBack(
  db: Db,
  region: string,
  by: { name: string; reason: string } | null,
): Promise<StepBack | null> {
  const { rows } = await sql<StepBack>`/* step_backs.end */
    update deptrans.step_backs set to_at = deptrans.now(), ended_by = ${by?.name ?? null}, end_reason = ${by?.reason ?? null}
     where region = ${region} and to_at is null returning ${columns}`.execute(db);
  return rows[0] ?? null;
}

/** For how long no report may reach the regulator, since it does not answer or delivery is paused; and the time by which step-backs are judged. */
export async function readStandstill(db: Db, regulator: string): Promise<{ standstillMs: number; nowMs: number }> {
  const { rows } = await sql<{ standstillMs: number; nowMs: number }>`/* step_backs.standstill */
    select greatest(0, coalesce(extract(epoch from n.at - least(
             (select open_since from deptrans.gate where regulator = ${regulator}),
             (select since from deptrans.delivery_pause)))::float8 * 1000, 0)) as "standstillMs",
           extract(epoch from n.at)::float8 * 1000 as "nowMs"
      from (select deptrans.now() as at) n`.execute(db);
  return rows[0]!;
}
