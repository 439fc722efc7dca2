import { sql } from 'kysely';
import type { Db } from './database.ts';
import type { JournalEntry } from './journal.ts';

/** A line of the journal, for export. Nulls where it says nothing. */
export type Exchange = {
  at: Date;
  kind: JournalEntry['kind'];
  parkId: string | null;
  driverId: string | null;
  /** The first 8 hex digits of the id's keyed hash. */
  accountMark: string | null;
  direction: string | null;
  outcome: string | null;
  reason: string | null;
  region: string | null;
  happenedAt: Date | null;
  receivedAt: Date | null;
  sentAt: Date | null;
  answeredAt: Date | null;
  sessionStatus: string | null;
  sessionEnd: Date | null;
};

/** Where a line stands, exactly: its time to the microsecond, and its place in the table, which never moves. */
export type ExchangePlace = { at: string; table: number; row: string };

/** The person behind a profile, or null. */
export async function readPersonOf(db: Db, driver: { parkId: string; driverId: string }): Promise<string | null> {
  const { rows } = await sql<{ person: string }>`/* exchanges.person */
    select driver_license_pd_id as person from deptrans.driver_persons
     where park_id = ${driver.parkId} and driver_id = ${driver.driverId} and driver_license_pd_id is not null`.execute(
    db,
  );
  return rows[0]?.person ?? null;
}

/** Lines of a person's journal from `from` to before `to`, in order, after `after`. Fewer than `limit`: that was all. */
export async function readExchanges(
  db: Db,
  {
    person,
    from,
    to,
    after,
    limit,
  }: { person: string; from: Date; to: Date; after: ExchangePlace | null; limit: number },
): Promise<{ exchanges: Exchange[]; last: ExchangePlace | null }> {
  const { at, table, row } = after ?? { at: '-infinity', table: 0, row: '(0,0)' };
  const { rows } = await sql<Exchange & { place: ExchangePlace }>`/* exchanges.page */
    select at, kind, park_id as "parkId", driver_id as "driverId", left(encode(account, 'hex'), 8) as "accountMark",
           direction, outcome, reason, region, happened_at as "happenedAt", received_at as "receivedAt", sent_at as "sentAt",
           answered_at as "answeredAt", detail->>'session_status' as "sessionStatus",
           (detail->>'session_end')::timestamptz as "sessionEnd",
           jsonb_build_object('at', at::text, 'table', tableoid::bigint, 'row', ctid::text) as place
      from deptrans.journal
     where driver_license_pd_id = ${person} and at >= ${from} and at < ${to} and at >= ${at}::timestamptz
       and (at, tableoid, ctid) > (${at}::timestamptz, ${table}::oid, ${row}::tid)
     order by at, tableoid, ctid limit ${limit}`.execute(db);
  const last = rows.at(-1)?.place ?? null;
  return { exchanges: rows.map(({ place: _, ...exchange }) => exchange), last };
}
