import { type RawBuilder, sql } from 'kysely';
import type { Account, Look, OwnedProfile } from '../domain/report.ts';
import { columnOf, msOf, textList, toDate } from './compact.ts';
import type { Db } from './database.ts';
import { together } from './together.ts';

type Ms = number | null;

/** An account in one column: the values of `accountColumns`, in this order. */
export type AccountRow = {
  account: [
    deptransId: string,
    believed: boolean,
    doubt: boolean,
    parkedReason: string | null,
    parkUntil: Ms,
    parkCount: number,
    attempts: number,
    region: string | null,
    sessionId: string | null,
    sessionEnd: Ms,
    sessionOverAt: Ms,
    outsideSince: Ms,
    verifyAt: Ms,
    lastSentAt: Ms,
    lastTarget: boolean | null,
    sessionReadAt: Ms,
    rereadAt: Ms,
  ];
};

/** A bound id, its owner and one profile of his, or none: those are null then. */
type Fact = [
  deptransId: string,
  person: string,
  personNo: number,
  parkId: string | null,
  driverId: string,
  categories: string[],
  connected: boolean | null,
  connectedAt: Ms,
  seenAt: Ms,
  version: number | null,
  queuedEventAt: number,
  carriesEvent: boolean,
];

/** The columns of `deptrans.reports` that make an `Account`, for `returning` and `select`. */
export const accountColumns: RawBuilder<AccountRow> = sql.raw(`
  json_build_array(deptrans_id, believed, doubt, parked_reason, ${msOf('park_until')}, park_count, attempts, region, session_id,
    ${msOf('session_end')}, ${msOf('session_over_at')}, ${msOf('outside_since')}, ${msOf('verify_at')}, ${msOf('last_sent_at')},
    last_target, ${msOf('session_read_at')}, ${msOf('reread_at')}) as account`);

const factColumns = sql.raw(`
  json_build_array(b.deptrans_id, b.driver_license_pd_id, b.person_no, p.park_id, p.driver_id, p.categories,
    s.connected, ${msOf('s.connected_at')}, ${msOf('s.seen_at')}, q.version, ${msOf('q.event_at')}, q.carries_event)`);

export function toAccount({ account: a }: AccountRow): Account {
  return {
    deptransId: a[0],
    believed: a[1],
    doubt: a[2],
    parkedReason: a[3],
    parkUntil: toDate(a[4]),
    parkCount: a[5],
    attempts: a[6],
    region: a[7],
    sessionId: a[8],
    sessionEnd: toDate(a[9]),
    sessionOverAt: toDate(a[10]),
    outsideSince: toDate(a[11]),
    verifyAt: toDate(a[12]),
    lastSentAt: toDate(a[13]),
    lastTarget: a[14],
    sessionReadAt: toDate(a[15]),
    rereadAt: toDate(a[16]),
  };
}

/**
 * What a look reads besides the account, in one statement and so in one snapshot: owner, profiles, their states and queue rows. `ends`: as of `together`.
 */
export async function readLooks(
  tx: Db,
  accounts: readonly Account[],
  { ends = false } = {},
): Promise<{ looks: Look[]; rulesVersion: number }> {
  const factsOf = sql<{ facts: Fact[] }>`/* look.facts */
    select coalesce(json_agg(${factColumns}), '[]') as facts
      from deptrans.profiles b
      left join deptrans.driver_persons p using (driver_license_pd_id)
      left join deptrans.driver_states s using (park_id, driver_id)
      left join deptrans.status_queue q using (park_id, driver_id)
     where b.deptrans_id = any(${textList(columnOf(accounts, ({ deptransId }) => deptransId))})`;
  const inForce = sql<{ now: Date; rules: number }>`/* look.rules */
    select deptrans.now() as now, coalesce(max(version), 0)::bigint as rules from deptrans.reporting_rules`;
  const [[read], [clock]] = await together<[{ facts: Fact[] }, { now: Date; rules: number }]>(
    tx,
    'look',
    [factsOf, inForce],
    { ends },
  );
  const { now, rules } = clock!;
  const looks: OpenLook[] = [];
  const byId = new Map<string, OpenLook>();
  for (const account of accounts) {
    const look = { account, owner: null, profiles: [], now };
    looks.push(look);
    byId.set(account.deptransId, look);
  }
  for (const fact of read!.facts) {
    const look = byId.get(fact[0])!;
    look.owner ??= { person: fact[1], personNo: fact[2] };
    if (fact[3] !== null) look.profiles.push(toProfile(fact));
  }
  return { looks, rulesVersion: rules };
}

/** A look whose facts are being filled in. */
type OpenLook = Look & { profiles: OwnedProfile[] };

function toProfile(fact: Fact): OwnedProfile {
  const version = fact[9];
  return {
    parkId: fact[3]!,
    driverId: fact[4],
    categories: fact[5],
    connected: fact[6] ?? false,
    connectedAt: toDate(fact[7]),
    seenAt: toDate(fact[8]),
    queued: version === null ? null : { version, eventAt: new Date(fact[10]), carriesEvent: fact[11] },
  };
}
