import { sql } from 'kysely';
import type { Db } from './database.ts';

/** An episode in which the regulator did not answer; `toAt` null: it lasts. */
export type Outage = { fromAt: Date; toAt: Date | null; probes: number };

export async function beginOutage(db: Db, regulator: string): Promise<void> {
  await sql`/* outages.begin */
    insert into deptrans.outages (regulator, from_at)
    select ${regulator}, deptrans.now()
     where not exists (select 1 from deptrans.outages where regulator = ${regulator} and to_at is null)
    on conflict do nothing`.execute(db);
}

export async function countProbe(db: Db, regulator: string): Promise<void> {
  await sql`/* outages.probe */
    update deptrans.outages set probes = probes + 1 where regulator = ${regulator} and to_at is null`.execute(db);
}

export async function endOutage(db: Db, regulator: string): Promise<void> {
  await sql`/* outages.end */
    update deptrans.outages set to_at = deptrans.now() where regulator = ${regulator} and to_at is null`.execute(db);
}

/** The episodes that reach into the time from `since` on, oldest first. */
export async function outagesSince(db: Db, regulator: string, since: Date): Promise<Outage[]> {
  const { rows } = await sql<Outage>`/* outages.since */
    select from_at as "fromAt", to_at as "toAt", probes from deptrans.outages
     where regulator = ${regulator} and coalesce(to_at, 'infinity') > ${since} order by from_at`.execute(db);
  return rows;
}

/** How much of the time between two moments lies within the episodes, in ms. */
export function outageWithin(outages: readonly Outage[], from: Date, to: Date): number {
  const overlap = ({ fromAt, toAt }: Outage) =>
    Math.min(to.getTime(), toAt?.getTime() ?? Number.POSITIVE_INFINITY) - Math.max(from.getTime(), fromAt.getTime());
  return outages.reduce((sum, outage) => sum + Math.max(0, overlap(outage)), 0);
}
