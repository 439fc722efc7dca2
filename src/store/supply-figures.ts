import { type RawBuilder, sql } from 'kysely';
import type { Db } from './database.ts';

/** The figures of a region now. `figures` is JSON of src/supply/figures.ts. */
export type StoredNow = { region: string; at: Date; policyVersion: number; unplaced: number; figures: unknown };

/** The figures of a region over a minute or an hour. */
export type StoredStretch = { region: string; at: Date; coveredMs: number; figures: unknown };

export type SupplyStep = 'minute' | 'hour';

/** Writes what is so now. Regions that are not among them are forgotten. */
export function writingSupplyNow(rows: readonly Omit<StoredNow, 'at'>[], at: number): RawBuilder<unknown> {
  return sql`/* supply.write */
    with given as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as g(region text, "policyVersion" bigint, unplaced bigint, figures jsonb)),
    forgotten as (
      delete from deptrans.supply_now where region not in (select region from given))
    insert into deptrans.supply_now as n (region, at, policy_version, unplaced, figures)
    select region, to_timestamp(${at}::float8 / 1000), "policyVersion", unplaced, figures from given order by region
    on conflict (region) do update set at = excluded.at, policy_version = excluded.policy_version,
      unplaced = excluded.unplaced, figures = excluded.figures`;
}

/** What is so now, of all regions; one that nobody has counted yet is missing. */
export async function readSupplyNow(db: Db): Promise<StoredNow[]> {
  const { rows } = await sql<StoredNow>`/* supply.now */
    select region, at, policy_version as "policyVersion", unplaced, figures from deptrans.supply_now`.execute(db);
  return rows;
}

/** Writes stretches as they are so far. */
export async function writeSupplyHistory(tx: Db, step: SupplyStep, rows: readonly StoredStretch[]): Promise<void> {
  if (rows.length === 0) return;
  const given = rows.map(({ at, ...rest }) => ({ ...rest, at: at.getTime() }));
  await sql`/* supply.history.write */
    insert into deptrans.supply_history (region, step, at, covered_ms, figures)
    select region, ${step}, to_timestamp(at / 1000), "coveredMs", figures
      from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as g(region text, at float8, "coveredMs" bigint, figures jsonb)
     order by region, at
    on conflict (region, step, at) do update set covered_ms = excluded.covered_ms, figures = excluded.figures`.execute(
    tx,
  );
}

/** Stretches that began in a time, of one region or of all, the earliest first. */
export async function readSupplyHistory(
  db: Db,
  { region, step, from, to }: { region?: string; step: SupplyStep; from: number; to: number },
): Promise<StoredStretch[]> {
  const { rows } = await sql<StoredStretch>`/* supply.history */
    select region, at, covered_ms as "coveredMs", figures from deptrans.supply_history
     where (${region ?? null}::text is null or region = ${region ?? null}) and step = ${step}
       and at >= to_timestamp(${from}::float8 / 1000) and at < to_timestamp(${to}::float8 / 1000)
     order by at, region`.execute(db);
  return rows;
}

/** When the newest hour that is written began, ms since 1970; 0: none is. */
export async function readLastSupplyHour(db: Db): Promise<number> {
  const { rows } = await sql<{ at: Date | null }>`/* supply.hour */
    select max(at) as at from deptrans.supply_history where step = 'hour'`.execute(db);
  return rows[0]!.at?.getTime() ?? 0;
}

/** Forgets minutes and hours that are older than so many days. Returns how many. */
export async function deleteSupplyHistory(db: Db, step: SupplyStep, days: number, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`/* supply.history.forget */
    delete from deptrans.supply_history where (region, step, at) in (
      select region, step, at from deptrans.supply_history
       where step = ${step} and at < (select deptrans.now()) - ${days} * interval '1 day' limit ${limit})`.execute(db);
  return Number(numAffectedRows ?? 0);
}
