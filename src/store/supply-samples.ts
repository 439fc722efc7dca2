import { sql } from 'kysely';
import type { Db } from './database.ts';
import type { SupplyPerson } from './supply-people.ts';

/** A failing person as it was, in the region where it counted. */
export type SampledPerson = SupplyPerson & { region: string };

/** Failing people of a minute, and how many there were in each region. `at` in ms since 1970. */
export type SupplySample = { at: number; failing: Record<string, number>; people: SampledPerson[] };

/** Keeps a sample; one of the same minute stays as it is. */
export async function writeSample(db: Db, { at, failing, people }: SupplySample): Promise<void> {
  await sql`/* samples.write */
    insert into deptrans.supply_samples (at, failing, people)
    values (to_timestamp(${at}::float8 / 1000), ${JSON.stringify(failing)}::jsonb, ${JSON.stringify(people)}::jsonb)
    on conflict do nothing`.execute(db);
}

/** Up to `limit` samples after `after` and before `to`, of every `nth` minute, the earliest first. */
export async function readSamples(
  db: Db,
  { after, to, nth, limit }: { after: number; to: number; nth: number; limit: number },
): Promise<SupplySample[]> {
  const { rows } = await sql<Omit<SupplySample, 'at'> & { at: Date }>`/* samples.read */
    select at, failing, people from deptrans.supply_samples
     where at > to_timestamp(${after}::float8 / 1000) and at < to_timestamp(${to}::float8 / 1000)
       and (extract(epoch from at)::bigint / 60) % ${nth}::int = 0
     order by at limit ${limit}`.execute(db);
  return rows.map((row) => ({ ...row, at: row.at.getTime() }));
}

/** How many there are from `from` on. */
export async function countSamples(db: Db, from: number): Promise<number> {
  const { rows } = await sql<{ n: number }>`/* samples.count */
    select count(*) as n from deptrans.supply_samples where at >= to_timestamp(${from}::float8 / 1000)`.execute(db);
  return rows[0]!.n;
}

/** Forgets samples that are older than so many days. Returns how many. */
export async function deleteSamples(db: Db, days: number, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`/* samples.forget */
    delete from deptrans.supply_samples where at in (
      select at from deptrans.supply_samples where at < (select deptrans.now()) - ${days} * interval '1 day' order by at limit ${limit})`.execute(
    db,
  );
  return Number(numAffectedRows ?? 0);
}
