import { sql } from 'kysely';
import type { DeptransId } from '../domain/binding.ts';
import { bind, type CheckedBinding } from './bindings.ts';
import type { Db } from './database.ts';
import { accountHash, appendJournal } from './journal.ts';
import { lockMapping } from './locks.ts';
import { publish } from './publish.ts';

/** A change of licence to ask the regulator about. */
export type LicenceChange = { person: string; former: string; attempts: number };

/** How a change came to its end: the id moved, the regulator refused it, or there was nothing left to ask. Null: something changed meanwhile. */
export type RecheckEnd = 'bound' | 'rejected' | 'obsolete' | null;

/** Whether there is anything to take; cheap, for the many rounds in which there is not. */
export async function isRecheckDue(db: Db): Promise<boolean> {
  const { rows } = await sql`/* recheck.due */
    select 1 from deptrans.licence_changes where due_at <= (select deptrans.now()) limit 1`.execute(db);
  return rows.length > 0;
}

type TakeOptions = { leaseMs: number; regulator: string; idleMs: number };

/**
 * Takes the change that has been due for longest for `leaseMs`, counting the attempt: who dies with it in hand leaves it to be asked about again.
 * Only at spare rate: null while the regulator is away, or while an account has been due for longer than `idleMs`.
 */
export async function takeLicenceChange(
  db: Db,
  { leaseMs, regulator, idleMs }: TakeOptions,
): Promise<LicenceChange | null> {
  const { rows } = await sql<LicenceChange>`/* recheck.take */
    update deptrans.licence_changes set due_at = deptrans.now() + ${leaseMs} * interval '1 ms', attempts = attempts + 1
     where (driver_license_pd_id, former) in (
       select driver_license_pd_id, former from deptrans.licence_changes where due_at <= (select deptrans.now())
        order by due_at limit 1 for update skip locked)
       and not exists (select 1 from deptrans.gate where regulator = ${regulator} and open_since is not null)
       and not exists (select 1 from deptrans.reports
                        where due_at <= (select deptrans.now()) - ${idleMs} * interval '1 ms' and lease_token is null)
    returning driver_license_pd_id as person, former, attempts`.execute(db);
  return rows[0] ?? null;
}

/**
 * What the regulator is to be asked for a change, with the numbers that must not have changed when its answer is saved. Null: nothing, since the
 * former person has no id or has a profile again, or the new one has an id or no profile.
 */
export async function readRecheck(db: Db, { person, former }: LicenceChange): Promise<CheckedBinding | null> {
  const { rows } = await sql<{
    park_id: string;
    driver_id: string;
    person_no: number;
    wanted: DeptransId;
    person_bind_no: number | null;
    account_bind_no: number | null;
  }>`/* recheck.facts */
    select p.park_id, p.driver_id, p.person_no, a.deptrans_id as wanted, b.bind_no as person_bind_no, r.bind_no as account_bind_no
      from deptrans.profiles a
      join deptrans.reports r using (deptrans_id)
      join deptrans.driver_persons p on p.driver_license_pd_id = ${person} and not p.deleted
      left join deptrans.profiles b on b.driver_license_pd_id = ${person}
     where a.driver_license_pd_id = ${former} and b.deptrans_id is null
       and not exists (select 1 from deptrans.driver_persons o where o.driver_license_pd_id = ${former} and not o.deleted)
     order by p.park_id, p.driver_id limit 1`.execute(db);
  const row = rows[0];
  if (!row) return null;
  return {
    driver: { parkId: row.park_id, driverId: row.driver_id },
    person,
    personNo: row.person_no,
    deptransId: row.wanted,
    seen: { person: row.person_bind_no, account: row.account_bind_no },
  };
}

type EndOptions = { journalKey: string; lockTimeoutMs: number };

/**
 * Saves the regulator's word, in the caller's transaction, as an id that a driver set is saved: the id moves with its session, unless person, id or
 * profile changed since they were read; then nothing is written, and the change is looked at again.
 */
export async function endMatched(
  tx: Db,
  change: LicenceChange,
  checked: CheckedBinding,
  options: EndOptions,
): Promise<RecheckEnd> {
  const saved = await bind(tx, checked, { ...options, reason: 'licence_changed' });
  if (!saved) return null;
  await forget(tx, change);
  return 'bound';
}

/** The id is not of the new licence. Says so to the driver, under the same guard. */
export async function endRefused(
  tx: Db,
  change: LicenceChange,
  { driver, deptransId, seen }: CheckedBinding,
  { journalKey }: EndOptions,
): Promise<RecheckEnd> {
  await lockMapping(tx);
  const { rows: same } = await sql`/* recheck.seen */
    select 1 from deptrans.profiles b join deptrans.driver_persons p using (driver_license_pd_id)
     where b.driver_license_pd_id = ${change.person} and b.deptrans_id is null and b.bind_no = ${seen.person}
       and p.park_id = ${driver.parkId} and p.driver_id = ${driver.driverId} and not p.deleted
       and exists (select 1 from deptrans.reports where deptrans_id = ${deptransId} and bind_no = ${seen.account})
       for update of b`.execute(tx);
  if (same.length === 0) return null;
  const others = await forget(tx, change);
  const said = others === 0 ? await leave(tx, change, 'rejected') : [];
  await appendJournal(tx, [
    {
      kind: 'binding',
      ...driver,
      person: change.person,
      account: accountHash(journalKey, deptransId),
      outcome: 'rejected',
      reason: 'licence_changed',
    },
  ]);
  await publish(tx, { bindings: said });
  return 'rejected';
}

/** There is nothing to ask any more. Who was to be checked again for this alone, and has no id, has none. */
export async function endObsolete(tx: Db, change: LicenceChange): Promise<RecheckEnd> {
  await lockMapping(tx);
  if (await readRecheck(tx, change)) return null;
  const others = await forget(tx, change);
  await publish(tx, { bindings: others === 0 ? await leave(tx, change, 'unbound') : [] });
  return 'obsolete';
}

/** Says how the new person stands when no question about her is left. Nothing is said of one who has an id. */
async function leave(tx: Db, { person }: LicenceChange, state: 'rejected' | 'unbound'): Promise<number[]> {
  const { rows } = await sql<{ person_no: number }>`/* recheck.leave */
    update deptrans.profiles set state = ${state}, updated_at = deptrans.now(), bind_no = nextval('deptrans.change_no')
     where driver_license_pd_id = ${person} and deptrans_id is null and state = 'recheck'
    returning person_no`.execute(tx);
  return rows.map((row) => row.person_no);
}

/** Asks again after a pause. */
export async function postponeRecheck(db: Db, { person, former }: LicenceChange, pauseMs: number): Promise<void> {
  await sql`/* recheck.postpone */
    update deptrans.licence_changes set due_at = deptrans.now() + ${pauseMs} * interval '1 ms'
     where driver_license_pd_id = ${person} and former = ${former} and due_at is not null`.execute(db);
}

/** Returns how many other changes of the person wait. */
async function forget(tx: Db, { person, former }: LicenceChange): Promise<number> {
  await sql`/* recheck.forget */
    delete from deptrans.licence_changes where driver_license_pd_id = ${person} and former = ${former}`.execute(tx);
  const { rows } = await sql<{ n: number }>`/* recheck.others */
    select count(*) as n from deptrans.licence_changes where driver_license_pd_id = ${person} and due_at is not null`.execute(
    tx,
  );
  return rows[0]!.n;
}
