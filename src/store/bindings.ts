import { sql } from 'kysely';
import type { Binding, BindingState, DeptransId } from '../domain/binding.ts';
import { changeBindings } from './binding-changes.ts';
import type { Db } from './database.ts';
import { lockMapping } from './locks.ts';

/**
 * Who has which government id. A binding is made of a check at the regulator, which takes time and is no part of a transaction: what was
 * read before the check is compared when it is saved, so that of two checks the newer one wins, whoever commits last.
 */
export type DriverRef = { parkId: string; driverId: string };

/** A driver with its person and what must not have changed when a check is saved. */
export type Caller = {
  person: string;
  personNo: number;
  binding: Binding | null;
  /** The account that the id is was refused for good, and waits for its cause to change. */
  parked: boolean;
  seen: SeenNumbers;
};

/** `bind_no` of the person and of the account that the id is; null where there was no row. */
export type SeenNumbers = { person: number | null; account: number | null };

type CallerRow = {
  person: string | null;
  person_no: number | null;
  deptrans_id: DeptransId | null;
  state: BindingState | null;
  updated_at: Date | null;
  bind_no: number | null;
  account_bind_no: number | null;
  parked: boolean;
  mirror_complete: boolean;
};

/**
 * The person behind a profile, with the binding. `wanted` is the id that is about to be checked, if any. `no_person`: no such profile, or
 * it has no licence on record. `not_ready`: it is not known, and our copy of the profiles is not complete yet.
 */
export async function readCaller(
  db: Db,
  { parkId, driverId }: DriverRef,
  wanted: DeptransId | null,
): Promise<Caller | 'no_person' | 'not_ready'> {
  const { rows } = await sql<CallerRow>`/* bindings.caller */
    select p.driver_license_pd_id as person, p.person_no, b.deptrans_id, b.state, b.updated_at, b.bind_no,
           (select bind_no from deptrans.reports where deptrans_id = ${wanted}) as account_bind_no,
           exists (select 1 from deptrans.reports where deptrans_id = ${wanted} and parked_reason is not null) as parked,
           exists (select 1 from deptrans.mirror_streams where stream = 'profiles' and complete) as mirror_complete
      from (values (1)) one
      left join deptrans.driver_persons p on p.park_id = ${parkId} and p.driver_id = ${driverId} and not p.deleted
      left join deptrans.profiles b using (driver_license_pd_id)`.execute(db);
  const row = rows[0]!;
  if (row.person === null || row.person_no === null) return row.mirror_complete ? 'no_person' : 'not_ready';
  return {
    person: row.person,
    personNo: row.person_no,
    binding: row.state && { deptransId: row.deptrans_id, state: row.state, updatedAt: row.updated_at! },
    parked: row.parked,
    seen: { person: row.bind_no, account: row.account_bind_no },
  };
}

export type CheckedBinding = {
  /** Who asked; must still lead to the person. */
  driver: DriverRef;
  person: string;
  personNo: number;
  deptransId: DeptransId;
  /** As read before the check. */
  seen: SeenNumbers;
};

/** For the hash under which ids stand in the journal, for how long to wait for others who change bindings or the mirror, and why, for the journal. */
export type BindOptions = { journalKey: string; lockTimeoutMs: number; reason?: string };

/**
 * Saves a checked binding, in the caller's transaction, which commits synchronously: the person gets the id, an earlier owner loses it,
 * the session moves along, and the accounts and queue rows of both are looked at again. Null, and nothing is written, if the person, the
 * id or the profile changed since they were read.
 */
export async function bind(tx: Db, checked: CheckedBinding, options: BindOptions): Promise<Binding | null> {
  const { driver, person, personNo, deptransId, seen } = checked;
  await sql`/* bindings.patience */ select set_config('lock_timeout', ${`${options.lockTimeoutMs}ms`}, true)`.execute(
    tx,
  );
  await lockMapping(tx);
  const { rows: owners } = await sql<{
    person: string;
    person_no: number;
    deptrans_id: string | null;
    bind_no: number;
  }>`/* bindings.lock */
    select driver_license_pd_id as person, person_no, deptrans_id, bind_no from deptrans.profiles
     where driver_license_pd_id = ${person} or deptrans_id = ${deptransId}
     order by driver_license_pd_id for update`.execute(tx);
  const { rows: now } = await sql<{ person: string | null; account: number | null }>`/* bindings.seen */
    select (select driver_license_pd_id from deptrans.driver_persons
             where park_id = ${driver.parkId} and driver_id = ${driver.driverId} and not deleted) as person,
           (select bind_no from deptrans.reports where deptrans_id = ${deptransId}) as account`.execute(tx);
  const mine = owners.find((owner) => owner.person === person);
  const earlier = owners.find((owner) => owner.person !== person);
  const same = now[0]!.person === person && now[0]!.account === seen.account && (mine?.bind_no ?? null) === seen.person;
  if (!same) return null;
  const takenOver = earlier
    ? [{ person: earlier.person, personNo: earlier.person_no, from: deptransId, to: null }]
    : [];
  const updatedAt = await changeBindings(
    tx,
    [...takenOver, { person, personNo, from: mine?.deptrans_id ?? null, to: deptransId }],
    { journalKey: options.journalKey, reason: options.reason ?? (earlier ? 'taken_over' : 'checked'), by: driver },
  );
  return { deptransId, state: 'bound', updatedAt };
}

/** Takes a person's id away, in the caller's transaction. False if there is none. */
export async function unbind(tx: Db, person: string, cause: { journalKey: string; reason: string }): Promise<boolean> {
  await lockMapping(tx);
  const { rows } = await sql<{ person_no: number; deptrans_id: string }>`/* bindings.lock */
    select person_no, deptrans_id from deptrans.profiles
     where driver_license_pd_id = ${person} and deptrans_id is not null for update`.execute(tx);
  const owner = rows[0];
  if (!owner) return false;
  await changeBindings(tx, [{ person, personNo: owner.person_no, from: owner.deptrans_id, to: null }], cause);
  return true;
}
