import { sql } from 'kysely';
import { type Db, inTransaction } from './database.ts';
import { wake } from './wake.ts';

/** An account that is parked. */
export type ParkedAccount = {
  deptransId: string;
  /** Where it stands in the list. */
  position: number;
  reason: string;
  until: Date | null;
  refusals: number;
  /** The profiles of its owner. */
  drivers: { parkId: string; driverId: string }[];
};

/** How many accounts are due now, and how many could not be because somebody works on them. */
export type Woken = { woken: number; busy: number };

const BITE = 1_000;
const DRIVERS_SHOWN = 20;

/**
 * Parked accounts after `after`, ordered by the number of their last binding, which tells nothing of the id. An account that is bound anew while
 * somebody pages goes to the end.
 */
export async function readParked(
  db: Db,
  { reason, after, limit }: { reason: string | null; after: number; limit: number },
): Promise<ParkedAccount[]> {
  const { rows } = await sql<Omit<ParkedAccount, 'drivers'>>`/* parked.list */
    select deptrans_id as "deptransId", bind_no as position, parked_reason as reason, park_until as until, park_count as refusals
      from deptrans.reports
     where parked_reason is not null and bind_no > ${after} and (${reason}::text is null or parked_reason = ${reason})
     order by bind_no limit ${limit}`.execute(db);
  const drivers = await driversOf(
    db,
    rows.map(({ deptransId }) => deptransId),
  );
  return rows.map((row) => ({ ...row, drivers: drivers.get(row.deptransId) ?? [] }));
}

async function driversOf(db: Db, ids: readonly string[]): Promise<Map<string, ParkedAccount['drivers']>> {
  if (ids.length === 0) return new Map();
  const { rows } = await sql<{ id: string; parkId: string; driverId: string }>`/* parked.drivers */
    select b.deptrans_id as id, p.park_id as "parkId", p.driver_id as "driverId"
      from deptrans.profiles b
     cross join lateral (
       select park_id, driver_id from deptrans.driver_persons p
        where p.driver_license_pd_id = b.driver_license_pd_id order by 1, 2 limit ${DRIVERS_SHOWN}) p
     where b.deptrans_id = any(${[...ids]}) order by 1, 2, 3`.execute(db);
  const byId = Map.groupBy(rows, ({ id }) => id);
  return new Map([...byId].map(([id, refs]) => [id, refs.map(({ parkId, driverId }) => ({ parkId, driverId }))]));
}

/** Has the account of a profile's person looked at again, and the profile's own queue row routed again. */
export function wakeDriver(db: Db, { parkId, driverId }: { parkId: string; driverId: string }): Promise<Woken> {
  return inTransaction(db, async (tx) => {
    const { rows } = await sql<{ id: string }>`/* wake.driver */
      select b.deptrans_id as id from deptrans.driver_persons p join deptrans.profiles b using (driver_license_pd_id)
       where p.park_id = ${parkId} and p.driver_id = ${driverId} and b.deptrans_id is not null`.execute(tx);
    const woken = await wakeAndUnpark(
      tx,
      rows.map(({ id }) => id),
    );
    await sql`/* wake.row */
      update deptrans.status_queue set due_at = (select deptrans.now())
       where park_id = ${parkId} and driver_id = ${driverId}`.execute(tx);
    return woken;
  });
}

/** Has all accounts reported again that are parked for a reason, a thousand in a transaction, until none is left or `signal` aborts. */
export async function wakeParked(db: Db, reason: string, signal: AbortSignal): Promise<Woken> {
  const sum = { woken: 0, busy: 0 };
  for (let after: string | undefined = ''; after !== undefined && !signal.aborted; ) {
    const from: string = after;
    const page = await inTransaction(db, async (tx) => {
      const { rows } = await sql<{ id: string }>`/* wake.parked */
        select deptrans_id as id from deptrans.reports where parked_reason = ${reason} and deptrans_id > ${from}
         order by deptrans_id limit ${BITE} for no key update`.execute(tx);
      const ids = rows.map(({ id }) => id);
      return { ...(await wakeAndUnpark(tx, ids)), last: ids.length === BITE ? ids.at(-1) : undefined };
    });
    sum.woken += page.woken;
    sum.busy += page.busy;
    after = page.last;
  }
  return sum;
}

/** A park ends by its time having come, so that the next look reports. Under a lease the park is the lease holder's to write. */
async function wakeAndUnpark(tx: Db, ids: readonly string[]): Promise<Woken> {
  const found = await wake(tx, ids);
  if (found.length === 0) return { woken: 0, busy: 0 };
  const { rows } = await sql<{ leased: boolean }>`/* wake.unpark */
    update deptrans.reports set park_until = case when parked_reason is null or lease_token is not null then park_until
                                                  else (select deptrans.now()) end
     where deptrans_id = any(${found}) returning lease_token is not null as leased`.execute(tx);
  const busy = rows.filter(({ leased }) => leased).length;
  return { woken: rows.length - busy, busy };
}
