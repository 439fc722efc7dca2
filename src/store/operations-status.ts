import { sql } from 'kysely';
import { type Balance, readBalance } from './balance.ts';
import type { Db } from './database.ts';
import { type DeliveryPause, readPause } from './delivery-pause.ts';
import { readStream, type StreamName, type StreamState, streamNames } from './mirror-streams.ts';
import { readOldestPendingMs } from './pending.ts';
import { readRules } from './rules.ts';

/** How the service stands. */
export type ServiceStatus = {
  at: Date;
  regulator: RegulatorState;
  pause: DeliveryPause | null;
  oldestPendingMs: number;
  balance: Balance;
  parkedAccounts: ReasonCount[];
  mirror: ({ stream: StreamName } & Pick<StreamState, 'complete' | 'reloading' | 'ageMs'>)[];
  regions: { region: string; on: boolean; openAccounts: number }[];
  feed: { headSeq: number; headAt: Date | null };
};

export type RegulatorState = {
  up: boolean;
  /** Null: it has answered for as long as outages are remembered. */
  since: Date | null;
  probes: number;
  /** Calls a second; null: no limit was found yet. */
  rate: number | null;
};

export type ReasonCount = { reason: string; n: number };

/** Reads everything, one statement after the other: in bad times the database has enough to do. Not one snapshot, but for the balance. */
export async function readStatus(db: Db, regulator: string): Promise<ServiceStatus> {
  const balance = await readBalance(db);
  const oldestPendingMs = await readOldestPendingMs(db);
  const parkedAccounts = await countParked(db);
  const mirror: ServiceStatus['mirror'] = [];
  for (const stream of streamNames) mirror.push({ stream, ...(await readStream(db, stream)) });
  const { regions } = await readRules(db);
  const open = await countOpen(db);
  const { now, ...feed } = await readHead(db);
  return {
    at: now,
    regulator: await readRegulatorState(db, regulator),
    pause: await readPause(db),
    oldestPendingMs,
    balance,
    parkedAccounts,
    mirror,
    regions: regions.map(({ id, on }) => ({ region: id, on, openAccounts: open.get(id) ?? 0 })),
    feed,
  };
}

/** Whether the regulator answers, as the cluster sees it. */
export async function readRegulatorState(db: Db, regulator: string): Promise<RegulatorState> {
  const { rows } = await sql<RegulatorState>`/* status.regulator */
    select g.open_since is null as up, g.rate, coalesce(o.probes, 0) as probes,
           coalesce(g.open_since, (select max(to_at) from deptrans.outages where regulator = ${regulator})) as since
      from (values (1)) one
      left join deptrans.gate g on g.regulator = ${regulator}
      left join deptrans.outages o on o.regulator = ${regulator} and o.to_at is null`.execute(db);
  return rows[0]!;
}

/** Accounts that are open in each region, as we believe. */
export async function countOpen(db: Db): Promise<Map<string, number>> {
  const { rows } = await sql<{ region: string; n: number }>`/* status.open */
    select coalesce(region, '') as region, count(*) as n from deptrans.reports where believed group by 1`.execute(db);
  return new Map(rows.map(({ region, n }) => [region, n]));
}

async function countParked(db: Db): Promise<ReasonCount[]> {
  const { rows } = await sql<ReasonCount>`/* status.parked */
    select parked_reason as reason, count(*) as n from deptrans.reports
     where parked_reason is not null group by 1 order by 1`.execute(db);
  return rows;
}

async function readHead(db: Db): Promise<{ now: Date; headSeq: number; headAt: Date | null }> {
  const { rows } = await sql<{ now: Date; headSeq: number; headAt: Date | null }>`/* status.feed */
    select deptrans.now() as now, coalesce(l.seq, 0) as "headSeq", l.at as "headAt"
      from (values (1)) one left join (select seq, at from deptrans.feed_log order by seq desc limit 1) l on true`.execute(
    db,
  );
  return rows[0]!;
}
