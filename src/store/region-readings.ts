import { type RawBuilder, sql } from 'kysely';
import type { Db } from './database.ts';

/** What the limits of a region are compared with. Counts are of people. */
export type RegionReading = {
  region: string;
  connected: number;
  /** Kept from orders by the policy, or would be if no region had stepped back. */
  lost: number;
  /** Of whom a check says UNKNOWN. */
  unknown: number;
  /** How old the facts were that they were counted by. */
  dataAgeMs: number;
};

export type StoredReading = RegionReading & { at: Date; ageMs: number };

/** Takes the place of the latest readings of these regions. */
export function puttingReadings(readings: readonly RegionReading[]): RawBuilder<unknown> {
  return sql`/* readings.put */
    insert into deptrans.region_readings as r (region, at, connected, lost, unknown, data_age_ms)
    select x.region, deptrans.now(), x.connected, x.lost, x.unknown, x."dataAgeMs"
      from jsonb_to_recordset(${JSON.stringify(readings)}::jsonb)
        as x (region text, connected int, lost int, unknown int, "dataAgeMs" float8)
    on conflict (region) do update set at = excluded.at, connected = excluded.connected, lost = excluded.lost,
      unknown = excluded.unknown, data_age_ms = excluded.data_age_ms`;
}

/** The latest of each region. */
export async function readReadings(db: Db): Promise<StoredReading[]> {
  const { rows } = await sql<StoredReading>`/* readings.read */
    select region, at, connected, lost, unknown, data_age_ms as "dataAgeMs",
           greatest(0, extract(epoch from deptrans.now() - at)::float8 * 1000) as "ageMs"
      from deptrans.region_readings order by region`.execute(db);
  return rows;
}
