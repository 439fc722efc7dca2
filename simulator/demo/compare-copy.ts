import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { readJson } from './read-json.ts';

/**
 * Compares a subscriber's copy with what the tables say, as a process that is neither: `node compare-copy.ts DATABASE_URL SUBSCRIBER_URL`
 * prints `{"records": N, "differ": N, "examples": [keys]}`. Written from the contract and the schema alone.
 */
type Row = Record<string, unknown>;
type Copy = { ids: Row[]; statuses: Row[] };

const IDS = `
  select p.park_id, p.driver_id, p.driver_license_pd_id, b.deptrans_id is not null as bound, coalesce(b.deptrans_id, '') as deptrans_id,
         greatest(p.seq, b.seq)::text as seq
    from deptrans.driver_persons p left join deptrans.profiles b using (person_no)
   where not p.deleted and p.driver_license_pd_id is not null`;
const STATUSES = `
  select p.park_id, p.driver_id, p.driver_license_pd_id, 'SESSION_STATUS_' || upper(s.session_status) as session_status,
         coalesce(s.session_status_raw, '') as session_status_raw, s.ended_at, s.end_is_estimate, coalesce(s.region, '') as region,
         greatest(p.seq, s.seq)::text as seq
    from deptrans.driver_persons p join deptrans.session_statuses s using (person_no)
   where not p.deleted and not s.deleted and p.driver_license_pd_id is not null`;

async function main([databaseUrl, subscriberUrl]: string[]): Promise<void> {
  const copy = await readJson<Copy>(`${subscriberUrl}/copy`);
  const client = new pg.Client(databaseUrl);
  await client.connect();
  const ids = (await client.query<Row>(IDS)).rows;
  const statuses = (await client.query<Row>(STATUSES)).rows.map((row) => ({ ...row, ended_at: toMs(row['ended_at']) }));
  await client.end();
  const copiedStatuses = copy.statuses.map((row) => ({ ...row, ended_at: toMs(row['ended_at']) }));
  const differ = [...differences(ids, copy.ids), ...differences(statuses, copiedStatuses)];
  process.stdout.write(
    `${JSON.stringify({ records: ids.length + statuses.length, differ: differ.length, examples: differ.slice(0, 5) })}\n`,
  );
}

function differences(tables: Row[], copied: Row[]): string[] {
  const copies = new Map(copied.map((row) => [keyOf(row), row]));
  const wrong = tables.filter((row) => {
    const copied = copies.get(keyOf(row));
    copies.delete(keyOf(row));
    return !copied || Object.entries(row).some(([name, value]) => !isDeepStrictEqual(copied[name], value));
  });
  return [...wrong, ...copies.values()].map(keyOf);
}

function keyOf(row: Row): string {
  return `${row['park_id']}/${row['driver_id']}`;
}

function toMs(value: unknown): number | null {
  return value === null || value === undefined ? null : new Date(value as string | Date).getTime();
}

await main(process.argv.slice(2));
