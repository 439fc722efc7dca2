import { type RawBuilder, sql } from 'kysely';
import type { Account, Look, OwnedProfile } from '../domain/report.ts';
import type { Db } from './database.ts';

type AccountRow = {
  deptrans_id: string;
  believed: boolean;
  doubt: boolean;
  parked_reason: string | null;
  park_until: Date | null;
  park_count: number;
  attempts: number;
  region: string | null;
  session_id: string | null;
  session_end: Date | null;
  session_over_at: Date | null;
  outside_since: Date | null;
  verify_at: Date | null;
  session_read_at: Date | null;
  reread_at: Date | null;
  last_sent_at: Date | null;
  last_target: boolean | null;
};

type FactRow = {
  deptrans_id: string;
  person: string;
  person_no: number;
  park_id: string | null;
  driver_id: string;
  categories: string[];
  connected: boolean | null;
  connected_at: Date | null;
  seen_at: Date | null;
  version: number | null;
  queued_event_at: Date | null;
  carries_event: boolean;
};

/** The columns of `deptrans.reports` that make an `Account`, for `returning` and `select`. */
export const accountColumns: RawBuilder<AccountRow> = sql`
  deptrans_id, believed, doubt, parked_reason, park_until, park_count, attempts, region, session_id, session_end, session_over_at,
  outside_since, verify_at, last_sent_at, last_target, session_read_at, reread_at`;

export function toAccount(row: AccountRow): Account {
  return {
    deptransId: row.deptrans_id,
    believed: row.believed,
    doubt: row.doubt,
    parkedReason: row.parked_reason,
    parkUntil: row.park_until,
    parkCount: row.park_count,
    attempts: row.attempts,
    region: row.region,
    sessionId: row.session_id,
    sessionEnd: row.session_end,
    sessionOverAt: row.session_over_at,
    outsideSince: row.outside_since,
    verifyAt: row.verify_at,
    sessionReadAt: row.session_read_at,
    rereadAt: row.reread_at,
    lastSentAt: row.last_sent_at,
    lastTarget: row.last_target,
  };
}

/** What a look reads besides the account, in one statement and so in one snapshot: owner, profiles, their states and queue rows. */
export async function readLooks(
  tx: Db,
  accounts: readonly Account[],
): Promise<{ looks: Look[]; rulesVersion: number }> {
  const facts = await sql<FactRow>`/* look.facts */
    select b.deptrans_id, b.driver_license_pd_id as person, b.person_no, p.park_id, p.driver_id, p.categories,
           s.connected, s.connected_at, s.seen_at, q.version, q.event_at as queued_event_at, q.carries_event
      from deptrans.profiles b
      left join deptrans.driver_persons p using (driver_license_pd_id)
      left join deptrans.driver_states s using (park_id, driver_id)
      left join deptrans.status_queue q using (park_id, driver_id)
     where b.deptrans_id = any(${accounts.map((account) => account.deptransId)})`.execute(tx);
  const clock = await sql<{ now: Date; rules: number }>`/* look.rules */
    select deptrans.now() as now, coalesce(max(version), 0)::bigint as rules from deptrans.reporting_rules`.execute(tx);
  const { now, rules } = clock.rows[0]!;
  const byAccount = Map.groupBy(facts.rows, (row) => row.deptrans_id);
  const looks = accounts.map((account): Look => {
    const rows = byAccount.get(account.deptransId) ?? [];
    const owner = rows[0] ? { person: rows[0].person, personNo: rows[0].person_no } : null;
    return { account, owner, profiles: rows.filter((row) => row.park_id !== null).map(toProfile), now };
  });
  return { looks, rulesVersion: rules };
}

function toProfile(row: FactRow): OwnedProfile {
  return {
    parkId: row.park_id!,
    driverId: row.driver_id,
    categories: row.categories,
    connected: row.connected ?? false,
    connectedAt: row.connected_at,
    seenAt: row.seen_at,
    queued:
      row.version === null
        ? null
        : { version: row.version, eventAt: row.queued_event_at!, carriesEvent: row.carries_event },
  };
}
