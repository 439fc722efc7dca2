import { sql } from 'kysely';
import type { BindingState } from '../domain/binding.ts';
import type { DriverStatus } from '../domain/driver-status.ts';
import type { Rules } from '../domain/region.ts';
import type { Direction, Look } from '../domain/report.ts';
import type { SessionStatus } from '../domain/session.ts';
import type { Db } from './database.ts';
import { type DeliveryPause, readPause } from './delivery-pause.ts';
import { type AccountRow, accountColumns, readLooks, toAccount } from './look.ts';
import { type RegulatorState, readRegulatorState } from './operations-status.ts';
import { readRules } from './rules.ts';

/** All that is recorded of a driver and bears on what is reported. */
export type DriverFacts = {
  /** The database's time. */
  now: Date;
  /** Null: no event is remembered. */
  status: { status: DriverStatus; eventAt: Date; seenAt: Date } | null;
  /** Null: driver-profiles never named the profile. */
  profile: { deleted: boolean; hasPerson: boolean; categories: readonly string[] } | null;
  /** The first load of driver-profiles has ended. */
  mirrorComplete: boolean;
  /** Null: the person never had an id. */
  binding: { state: BindingState; updatedAt: Date } | null;
  /** The profile's unsettled change. */
  row: { eventAt: Date; queuedAt: Date; waitReason: string | null } | null;
  /** Null: no id is bound. */
  account: AccountFacts | null;
  /** What the regulator last accepted about the person, within the journal. */
  lastAccepted: { direction: Direction; happenedAt: Date | null; acceptedAt: Date; region: string | null } | null;
  rules: Rules;
  regulator: RegulatorState;
  pause: DeliveryPause | null;
};

export type AccountFacts = {
  look: Look;
  waitReason: string | null;
  /** Connected, yet not to be reported, when it was last judged. */
  watched: boolean;
  leased: boolean;
  dueAt: Date | null;
  settledAt: Date;
  sessionStatus: SessionStatus | null;
};

type ProfileRow = {
  now: Date;
  status: DriverStatus | null;
  event_at: Date;
  seen_at: Date;
  deleted: boolean | null;
  person: string | null;
  categories: string[];
  mirror_complete: boolean;
  binding: BindingState | null;
  deptrans_id: string | null;
  updated_at: Date;
  queued_at: Date | null;
  queued_event_at: Date;
  wait_reason: string | null;
};

/** Reads what is recorded of a driver. Takes no locks; the statements see the present one after the other. */
export async function readDriverFacts(
  db: Db,
  { parkId, driverId }: { parkId: string; driverId: string },
  regulator: string,
): Promise<DriverFacts> {
  const { rows } = await sql<ProfileRow>`/* explain.profile */
    select deptrans.now() as now, s.status, s.event_at, s.seen_at, p.deleted, p.driver_license_pd_id as person, p.categories,
           exists (select 1 from deptrans.mirror_streams where stream = 'profiles' and complete) as mirror_complete,
           b.state as binding, b.deptrans_id, b.updated_at, q.queued_at, q.event_at as queued_event_at, q.wait_reason
      from (values (${parkId}, ${driverId})) k(park_id, driver_id)
      left join deptrans.driver_states s using (park_id, driver_id)
      left join deptrans.driver_persons p using (park_id, driver_id)
      left join deptrans.profiles b using (driver_license_pd_id)
      left join deptrans.status_queue q using (park_id, driver_id)`.execute(db);
  const row = rows[0]!;
  return {
    now: row.now,
    status: row.status && { status: row.status, eventAt: row.event_at, seenAt: row.seen_at },
    profile:
      row.deleted === null
        ? null
        : { deleted: row.deleted, hasPerson: row.person !== null, categories: row.categories },
    mirrorComplete: row.mirror_complete,
    binding: row.binding && { state: row.binding, updatedAt: row.updated_at },
    row: row.queued_at && { eventAt: row.queued_event_at, queuedAt: row.queued_at, waitReason: row.wait_reason },
    account: row.deptrans_id === null ? null : await readAccountFacts(db, row.deptrans_id),
    lastAccepted: row.person === null ? null : await readLastAccepted(db, row.person),
    rules: await readRules(db),
    regulator: await readRegulatorState(db, regulator),
    pause: await readPause(db),
  };
}

type ExplainedRow = AccountRow & {
  wait_reason: string | null;
  watched: boolean;
  leased: boolean;
  due_at: Date | null;
  changed_at: Date;
  session_status: SessionStatus | null;
};

async function readAccountFacts(db: Db, deptransId: string): Promise<AccountFacts | null> {
  const { rows } = await sql<ExplainedRow>`/* explain.account */
    select ${accountColumns}, wait_reason, watched, lease_token is not null as leased, due_at, changed_at, session_status
      from deptrans.reports where deptrans_id = ${deptransId}`.execute(db);
  const row = rows[0];
  if (!row) return null;
  const { looks } = await readLooks(db, [toAccount(row)]);
  return {
    look: looks[0]!,
    waitReason: row.wait_reason,
    watched: row.watched,
    leased: row.leased,
    dueAt: row.due_at,
    settledAt: row.changed_at,
    sessionStatus: row.session_status,
  };
}

async function readLastAccepted(db: Db, person: string): Promise<DriverFacts['lastAccepted']> {
  const { rows } = await sql<NonNullable<DriverFacts['lastAccepted']>>`/* explain.accepted */
    select direction, happened_at as "happenedAt", coalesce(answered_at, at) as "acceptedAt", region
      from deptrans.journal
     where driver_license_pd_id = ${person} and kind = 'outcome' and outcome in ('accepted', 'already')
     order by at desc limit 1`.execute(db);
  return rows[0] ?? null;
}
